"""Writes every play of a listener, with every column, into one file: to take it elsewhere, or to keep it.

Instants are in UTC. The columns are those of the table `plays`: docs/tables.md.
"""

import argparse
import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from cli import consent
from cli.console import CliError, counted, print_json, say, show
from cli.place import Place
from cli.warehouse import Warehouse, string

# What begins a formula in any spreadsheet: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = r"\A('*[=+\-@\t\r\n＝＋－＠])"

HELP = "Write every play of a listener into a file: CSV, Parquet or JSON"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("listener", metavar="LISTENER", help="whose plays")
    parser.add_argument("--format", choices=_WRITERS, default="csv", help="of the file (%(default)s)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to (LISTENER-plays.FORMAT, here)")
    parser.add_argument("--replace", action="store_true", help="the file may be there already")


def run(options: argparse.Namespace, place: Place) -> int:
    consent.check_listener(options.listener)
    path = options.output or Path(f"{options.listener}-plays.{options.format}")
    if os.path.lexists(path) and not options.replace:
        raise CliError(f"{path} is there already. Name another file with --output, or add --replace.")
    say(f"Reading the plays of {options.listener} …")
    listener = string("listener_id", options.listener)
    table = Warehouse(place).run("everything", listener).to_arrow(create_bqstorage_client=False)
    if not table.num_rows:
        raise CliError(f"No play of {options.listener} is stored. Nothing was written. {place.command('listeners')}")
    _write(table, path, _WRITERS[options.format])
    if options.json:
        print_json({"listener": options.listener, "file": str(path), "plays": table.num_rows})
    else:
        show(f"Wrote {counted(table.num_rows, 'play')} to {path}.")
    return 0


def _write(table: pa.Table, path: Path, write: Callable[[pa.Table, IO[bytes]], None]) -> None:
    """Whole or not at all: a new file that only the owner can read, which takes the name when it is complete.

    A link that has the name is replaced itself; what it leads to stays.
    """
    unfinished = None
    try:
        with NamedTemporaryFile("wb", dir=path.parent, prefix=".", suffix=".unfinished", delete=False) as file:
            unfinished = Path(file.name)
            write(table, file)
        unfinished.replace(path)
    except OSError as error:
        raise CliError(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        if unfinished:
            unfinished.unlink(missing_ok=True)


def _write_csv(table: pa.Table, file: IO[bytes]) -> None:
    """A text that a spreadsheet would take for a formula gets an apostrophe, as in the dashboard's downloads.

    One more than there was before such a text, so that taking one away always gives the text back.
    """
    guarded = [
        pyarrow.compute.replace_substring_regex(column, pattern=_FORMULA, replacement=r"'\1")
        if pa.types.is_string(column.type)
        else column
        for column in table.columns
    ]
    pyarrow.csv.write_csv(pa.table(guarded, names=table.column_names), file)


def _write_parquet(table: pa.Table, file: IO[bytes]) -> None:
    pyarrow.parquet.write_table(table, file, compression="zstd")


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """JSON has no word for a number that is none."""
    return {name: None if isinstance(value, float) and not isfinite(value) else value for name, value in row.items()}


def _write_json(table: pa.Table, file: IO[bytes]) -> None:
    """An array with one line for each play, an object."""
    rows = (json.dumps(_finite(row), ensure_ascii=False, default=_instant) for row in table.to_pylist())
    file.write(b"[\n" + ",\n".join(rows).encode() + b"\n]\n")


def _instant(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} has no form in JSON")


_WRITERS: Mapping[str, Callable[[pa.Table, IO[bytes]], None]] = {
    "csv": _write_csv,
    "parquet": _write_parquet,
    "json": _write_json,
}
