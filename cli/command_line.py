"""The command line of `python -m cli`: its commands and options, and what each error exits with.

Exit codes: 0 done, 1 it did not work (said on stderr, with the next step), 2 wrong usage, 130 stopped with Ctrl-C.
"""

import argparse
import errno
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import NoReturn

from cli import google_clients, place
from cli.commands import check, enrich, export, imports, listeners, repair, run_now, runs
from cli.commands.authorize import command as authorize
from cli.commands.forget import command as forget
from cli.commands.import_history import command as import_history
from cli.console import CliError, say
from localcloud.terminal import plain

COMMANDS: Mapping[str, ModuleType] = {
    "authorize": authorize,
    "check": check,
    "import": import_history,
    "imports": imports,
    "export": export,
    "enrich": enrich,
    "forget": forget,
    "listeners": listeners,
    "repair": repair,
    "runs": runs,
    "run-now": run_now,
}
_VERSION = Path(__file__).parents[1] / "dashboard/VERSION"
"""In the dashboard's folder, which is deployed alone and shows it on the page About."""


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    try:
        options = _parser().parse_args(arguments)
        where = place.chosen(options, environ)
        try:
            code: int = COMMANDS[options.command].run(options, where)
        except google_clients.EXPECTED as error:
            raise CliError(google_clients.explain(error, where)) from None
        return code
    except CliError as error:
        say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        say("\nStopped.")
        return 130
    except BrokenPipeError:  # as in `python -m cli runs | head`
        _drop_output()
        return 1
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            say("There is no space left where the output or a temporary file goes. Make room and run this again.")
            _drop_output()
            return 1
        if error.filename is None:
            raise
        # Of a file or folder that was named; what has more to say is a CliError by now.
        say(f"{error.filename}: {error.strerror}. Name another one, or correct that, and run the command again.")
        return 1


def _drop_output() -> None:
    """Python flushes stdout at its end, and would complain once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(argparse.ArgumentParser):
    """What it refuses it repeats, and a shell's * makes arguments of names that others chose."""

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        super().exit(status, message and plain(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m cli",
        description="What the owner of a Heavy Rotation does by hand, in Google Cloud or on the laptop.",
        epilog="Exit codes: 0 done, 1 it did not work (stderr says why and what to do), 2 wrong usage, 130 Ctrl-C.",
    )
    parser.add_argument("--version", action="version", version=f"Heavy Rotation {_VERSION.read_text().strip()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        command = commands.add_parser(name, help=module.HELP, description=module.__doc__)
        if hasattr(module, "add_options"):
            module.add_options(command)
        command.add_argument("--json", action="store_true", help="print the result as JSON, progress on stderr")
        place.add_options(command, "without these: the environment, then the outputs of terraform/")
    return parser


def show_traceback(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """A fault of this program's own may quote any text."""
    say("".join(traceback.format_exception(kind, error, where)).rstrip("\n"))
