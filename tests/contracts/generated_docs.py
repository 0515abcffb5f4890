"""The generated parts of docs/tables.md and docs/commands.md: `make docs` rewrites them.

A generated part stands between `<!-- table NAME -->`, or `<!-- command NAME -->`, and `<!-- end -->`. The tables come
from the table files, the commands from the parsers of `python -m cli` and `python -m localcloud`.
"""

import argparse
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from cli.command_line import _parser as cli_parser
from localcloud.__main__ import _parser as localcloud_parser
from localcloud.gcp import set_up

ROOT = Path(__file__).parents[2]
TABLE_FILES = {path.stem: path for path in set_up.TABLE_FILES}
IN_EVERY_COMMAND = ("help", "json", "laptop", "project", "region")
"""Options of each command of the CLI: they are described once."""


def table_text(path: Path) -> str:
    """One table file as Markdown: description, key, columns."""
    table = json.loads(path.read_text())
    partitioning = f"; partitioned by day of `{table['partitioning']['field']}`" if table["partitioning"] else ""
    clustering = f"; clustered by {_names(table['clustering'])}" if table["clustering"] else ""
    return "\n".join(
        [
            f"## {path.stem}",
            "",
            table["description"],
            "",
            f"Key: {_names(table['primary_key'])}{partitioning}{clustering}.",
            "",
            "| column | type | |",
            "|---|---|---|",
            *(_column(column) for column in table["columns"]),
        ]
    )


def view_text(path: Path) -> str:
    """A view's file as Markdown: what a row is, and the statement."""
    sentence, statement = path.read_text().split("SELECT", 1)
    description = sentence.replace("-- ", "").replace("\n", " ").strip()
    return f"## {path.stem}\n\n{description}\n\nA view:\n\n```sql\nSELECT{statement.rstrip()}\n```"


def command_text(parser: argparse.ArgumentParser, left_out: tuple[str, ...] = IN_EVERY_COMMAND) -> str:
    """One command as Markdown: usage, what it does, its arguments and options."""
    actions = [action for action in parser._actions if action.dest not in left_out]
    options = " [options]" if any(action.option_strings for action in actions) else ""
    arguments = "".join(f" {_argument(action)}" for action in actions if not action.option_strings)
    rows = options_text(actions) if actions else ""
    described = parser.description or ""
    return f"```text\n{parser.prog}{options}{arguments}\n```\n\n{described.strip()}\n\n{rows}".rstrip()


def options_text(actions: list[argparse.Action]) -> str:
    rows = [f"| `{_spelling(action)}` | {_escaped((action.help or '') % vars(action))} |" for action in actions]
    return "\n".join(["| | |", "|---|---|", *rows])


def with_generated(page: str, kind: str, texts: Mapping[str, str]) -> str:
    """The page with every part of this kind written anew; ValueError when one has no place there."""
    for name, text in texts.items():
        place = re.compile(rf"(<!-- {kind} {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not place.search(page):
            raise ValueError(f"The page has no place for it: <!-- {kind} {name} --> … <!-- end -->")
        page = place.sub(lambda match, text=text: f"{match[1]}{text}\n{match[2]}", page)
    return page


def cli_commands() -> dict[str, argparse.ArgumentParser]:
    return _commands(cli_parser())


def localcloud_commands() -> dict[str, argparse.ArgumentParser]:
    return _commands(localcloud_parser())


def tables_page(page: str) -> str:
    views = {path.stem: view_text(path) for path in set_up.VIEW_FILES}
    return with_generated(page, "table", {name: table_text(path) for name, path in TABLE_FILES.items()} | views)


def commands_page(page: str) -> str:
    owners, laptops = cli_commands(), localcloud_commands()
    shared = [action for action in owners["check"]._actions if action.dest in IN_EVERY_COMMAND[1:]]
    texts = {
        "options": options_text(shared),
        **{name: command_text(parser) for name, parser in owners.items()},
        **{f"localcloud {name}": command_text(parser, ("help",)) for name, parser in laptops.items()},
    }
    return with_generated(page, "command", texts)


PAGES: dict[Path, Callable[[str], str]] = {
    ROOT / "docs/tables.md": tables_page,
    ROOT / "docs/commands.md": commands_page,
}


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    [commands] = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return commands


def _argument(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest)
    return {"?": f"[{name}]", "+": f"{name} [{name} …]"}.get(str(action.nargs), name)


def _spelling(action: argparse.Action) -> str:
    if not action.option_strings:
        return str(action.metavar or action.dest)
    value = action.metavar or (action.choices and "|".join(action.choices)) or action.dest.upper()
    shown = {None: f" {value}", "?": f" [{value}]"}.get(action.nargs, "")
    return _escaped(action.option_strings[-1] + shown)


def _names(columns: list[str]) -> str:
    return ", ".join(f"`{column}`" for column in columns)


def _column(column: dict[str, str]) -> str:
    required = "" if column["mode"] == "NULLABLE" else ", required"
    return f"| `{column['name']}` | {column['type']}{required} | {_escaped(column['description'])} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    for path, filled in PAGES.items():
        path.write_text(filled(path.read_text()))
