"""Looks for secrets in every file that is or could be committed: `python -m checks.secret_scan [DIRECTORY]`.

detect-secrets does the looking, and sends nothing anywhere; what it lacks is here: an excuse needs its reason. A line
that only looks like a secret says so itself: `# pragma: allowlist secret -- REASON`. Exit codes: 0 nothing found, 1
something found, 2 wrong usage.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from checks.tools import ROOT, compiled_files, tool

_PLUGIN = Path(__file__).parent / "token_forms.py"
_EXCUSE = re.compile(r"pragma: ?allowlist[ -](nextline[ -])?secret(?! -- \S)")
# Compiled requirements: nothing but comments and pins with hashes, as tests/checks/test_pins.py makes sure.
_LEFT_OUT = {str(path.relative_to(ROOT)) for path in compiled_files()}
_FOUND = re.compile(r"Secret Type: (?P<kind>.+)\nLocation: +(?P<place>\S+)")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m checks.secret_scan", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", nargs="?", type=Path, default=ROOT, help="a git work tree (this one)")
    directory = parser.parse_args(arguments).directory
    files = committable(directory)
    findings = [*found(directory, files), *unexplained(directory, files)]
    for finding in findings:
        print(finding, file=sys.stderr)
    if findings:
        print("Take secrets out, and make new ones: what was committed is known.", end=" ")
        print("A line that only looks like one says so: # pragma: allowlist secret -- REASON")
        return 1
    print(f"{len(files)} files: no secret")
    return 0


def committable(directory: Path) -> list[str]:
    """Files that git tracks or would add, relative to the directory; what .gitignore names is left out."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 -- git, wherever it is
        cwd=directory,
        check=True,
        capture_output=True,
        text=True,
    )
    names = listing.stdout.split("\0")
    return sorted(name for name in names if name not in _LEFT_OUT and (directory / name).is_file())


def found(directory: Path, files: list[str]) -> Iterator[str]:
    """A line for each secret: what kind it is and where."""
    if not files:
        return
    command = [str(tool("detect-secrets-hook")), "--no-verify", "--plugin", str(_PLUGIN), *files]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True)  # noqa: S603 -- our own command
    places = list(_FOUND.finditer(done.stdout + done.stderr))
    if done.returncode not in (0, 1) or (done.returncode == 1) != bool(places):
        raise RuntimeError(f"detect-secrets ended with {done.returncode}: {(done.stdout + done.stderr)[-1000:]}")
    yield from (f"{match['place']}: {match['kind']}" for match in places)


def unexplained(directory: Path, files: list[str]) -> Iterator[str]:
    """A line for each excuse without a reason."""
    for name in files:
        text = (directory / name).read_bytes().decode(errors="replace")
        if "allowlist" in text:
            for number, line in enumerate(text.splitlines(), start=1):
                if _EXCUSE.search(line):
                    yield f"{name}:{number}: an allowlist pragma without a reason"


if __name__ == "__main__":
    sys.exit(main())
