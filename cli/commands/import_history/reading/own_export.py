"""Reads what `export` has written, CSV, JSON or Parquet: rows of `plays`, to be stored as they are.

The columns say that it is such a file. Which import a row once came from is not taken over: it comes from this one now.
"""

import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from math import isnan
from pathlib import Path
from shutil import copyfileobj
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from cli.commands.import_history.reading import archives, coverage
from cli.commands.import_history.reading.archives import Budget, Damaged, most_unpacked
from cli.commands.import_history.reading.every_row import Reading
from cli.commands.import_history.reading.json_rows import NotRows, read_rows
from cli.commands.import_history.reading.plays import to_ms
from cli.commands.import_history.reading.spotify_files import OWN_EXPORT, ExportFile, own_form
from cli.commands.import_history.reading.spotify_rows import (
    OF_IMPORT,
    ExportedPlay,
    LeftOut,
    Unreadable,
    in_time,
)
from cli.console import CliError
from plays import COLUMNS, TABLE, to_column

_REQUIRED = {column["name"] for column in TABLE["columns"] if column["mode"] == "REQUIRED"}

# Before and at a formula in any spreadsheet: https://owasp.org/www-community/attacks/CSV_Injection. One that takes
# semicolons for separators does not see the quotes around a text, and begins a cell also within it, without the quotes
# that stand there.
BEFORE_FORMULA, FORMULA = r'(\A|[;\t\r\n]"*)', r"('*[=+\-@＝＋－＠])"

_PARQUET_LIMITS: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "256MB",
    "max_temp_directory_size": "0KB",
    "threads": "1",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_LONGEST_ROW = 1 << 20
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass
class OwnReading(Reading):
    """The plays of such a file. It does not show that nothing else was played between them, so it has no `files`."""

    _plays: dict[tuple[datetime, str], ExportedPlay] = field(default_factory=dict)
    _read: int = 0

    @cached_property
    def plays(self) -> Sequence[ExportedPlay]:
        return [self._plays[key] for key in sorted(self._plays)]

    @property
    def repeats(self) -> int:
        return self._read - len(self._plays)

    @property
    def short(self) -> int:
        return sum(play.ms_played is not None and not play.counts for play in self.plays)

    @property
    def unmeasured(self) -> int:
        return 0

    @property
    def spans(self) -> list[coverage.Span]:
        return [(to_ms(self.plays[0].played_at), to_ms(self.plays[-1].played_at))] if self.plays else []

    def add(self, file: ExportFile) -> None:
        self.rows_by_file[file.name] = 0
        for index, row in enumerate(self._counted(file)):
            try:
                play, emptied = _parse(row, self.now)
            except Unreadable as error:
                self._add_left_out(LeftOut("unreadable", str(error), is_lost=True), file.name, index)
                continue
            self._read += 1
            self.listeners.add(row["listener_id"])
            self.emptied.update(emptied)
            known = self._plays.setdefault((play.played_at, play.track_id), play)
            if (play.ms_played or 0) > (known.ms_played or 0):
                self._plays[play.played_at, play.track_id] = play


def find(paths: Sequence[Path]) -> Path | None:
    """The path that is such a file. Raises CliError when there are others beside it."""
    own = next((path for path in paths if path.is_file() and _is_own(path)), None)
    if own and len(paths) > 1:
        raise CliError(f"{own.name} {OWN_EXPORT}. Nothing was stored.")
    return own


def _is_own(path: Path) -> bool:
    try:
        with archives.path_entry(path, path.name).open(Budget()) as stream:
            return own_form(stream) is not None
    except Damaged:
        return False


def read(path: Path, now: datetime) -> OwnReading:
    """Raises CliError unless the file is whole."""
    reading, entry = OwnReading(now), archives.path_entry(path, path.name)
    try:
        with entry.open(Budget()) as stream:
            rows = _READERS[own_form(stream) or "json"](stream)
            reading.add(ExportFile(entry.name, entry.folder, is_video=False, number=None, rows=rows))
    except (Damaged, NotRows) as error:
        raise CliError(f"{path.name} {error}. Nothing was stored. Write it again with `export`.") from None
    except (_TooMuch, duckdb.OutOfMemoryException):
        raise CliError(
            f"{path.name} unpacks to far more than `export` writes. Nothing was stored. Check where it comes from."
        ) from None
    except (pa.ArrowInvalid, duckdb.Error):
        raise CliError(
            f"{path.name} is not as `export` wrote it, or only a part of it is there. Nothing was stored."
        ) from None
    return reading


def _csv_rows(stream: io.BufferedReader) -> Iterator[Any]:
    """Values as text. A field without quotes and content is NULL, an empty one in quotes is an empty text.

    The apostrophe is taken away that `export` puts before a formula.
    """
    if json.detect_encoding(stream.peek(4)[:4]) not in ("utf-8", "utf-8-sig"):
        raise NotRows("is not UTF-8: a spreadsheet has saved it in another encoding")
    with tempfile.TemporaryFile() as copy:
        copyfileobj(stream, copy)
        copy.seek(-1, os.SEEK_END)
        if copy.read(1) != b"\n":
            raise NotRows("is not whole: its last line has no end")
        copy.seek(0)
        reader = pyarrow.csv.open_csv(
            copy,
            read_options=pyarrow.csv.ReadOptions(block_size=4 * _LONGEST_ROW),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(COLUMNS, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        guarded = f"{BEFORE_FORMULA}'{FORMULA}"
        for batch in reader:
            columns = [
                pyarrow.compute.replace_substring_regex(column, pattern=guarded, replacement=r"\1\2")
                if pa.types.is_string(column.type)
                else column
                for column in batch.columns
            ]
            yield from pa.RecordBatch.from_arrays(columns, schema=batch.schema).to_pylist()


class _TooMuch(Exception):
    """What the file unpacks to is out of all proportion to its size."""


def _parquet_rows(stream: io.BufferedReader) -> Iterator[Any]:
    """Read by DuckDB, which takes a limit for its memory: a page says itself how much it unpacks to.

    A text stands once in a Parquet file and can be the value of any number of rows, and a row can take no byte at all.
    So all rows together have a limit, too: those of `export` take at least 5 bytes each, one track played every minute.
    """
    with tempfile.NamedTemporaryFile() as copy, closing(duckdb.connect(config=_PARQUET_LIMITS)) as database:
        copyfileobj(stream, copy)
        copy.flush()
        columns = database.execute("DESCRIBE FROM read_parquet(?)", [copy.name]).fetchall()
        types: dict[str, str] = {name: kind for name, kind, *_ in columns}
        _check_names(types)
        if missing := sorted(_REQUIRED - types.keys()):
            raise NotRows(f"has no column {', '.join(missing)}")
        values = ", ".join(_parquet_value(name, kind) for name, kind in types.items())
        length = " + ".join(f'coalesce(strlen("{name}"), 0)' for name, kind in types.items() if kind == "VARCHAR")
        longest, whole, count = database.execute(
            f"SELECT coalesce(max({length}), 0), coalesce(sum({length}), 0), count(*) FROM read_parquet(?)",  # noqa: S608 -- our own columns
            [copy.name],
        ).fetchall()[0]
        if longest > _LONGEST_ROW:
            raise NotRows(f"has a row of more than {_LONGEST_ROW:,} bytes")
        if count > copy.tell() or whole > most_unpacked(copy.tell()):
            raise _TooMuch
        rows = database.execute(f"SELECT {values} FROM read_parquet(?)", [copy.name])  # noqa: S608 -- our own columns
        while batch := rows.fetchmany(100):
            for row in batch:
                yield {
                    name: _from_ms(value) if kind == _INSTANT else value
                    for (name, kind), value in zip(types.items(), row, strict=True)
                }


_INSTANT = "TIMESTAMP WITH TIME ZONE"


def _parquet_value(name: str, kind: str) -> str:
    match kind:
        case _ if kind == _INSTANT:
            return f'epoch_ms("{name}")'
        case "VARCHAR" | "BIGINT" | "INTEGER" | "BOOLEAN" | "DOUBLE" | "FLOAT" | "TIMESTAMP":
            return f'"{name}"'
        case _:
            raise NotRows(f"has the column {name} of the type {kind:.40}, which plays do not have here")


def _from_ms(value: int | None) -> datetime | str | None:
    try:
        return None if value is None else _EPOCH + timedelta(milliseconds=value)
    except OverflowError:
        return "out of time"


_READERS = {"csv": _csv_rows, "json": read_rows, "parquet": _parquet_rows}


def _parse(row: Any, now: datetime) -> tuple[ExportedPlay, list[str]]:
    """The play, and the columns of which it has lost a value that is out of bounds."""
    if not isinstance(row, Mapping):
        raise Unreadable("it is not an object")
    _check_names(row)
    given = {name: _value(name, row.get(name)) for name in COLUMNS}
    values = {name: _bounded(name, value, now) for name, value in given.items()}
    if values["source"] not in ("api", "export"):
        raise Unreadable("source is neither api nor export")
    play = ExportedPlay(
        played_at=values["played_at"],
        track_id=values["track_id"],
        track_name=values["track_name"],
        artist_name=values["artist_name"],
        album_name=values["album_name"],
        ms_played=values["ms_played"],
        reported_at=values["reported_at"],
        row=tuple(values.values()),
    )
    return play, [name for name, value in given.items() if value is not None and values[name] is None]


def _check_names(names: Mapping[str, Any]) -> None:
    if unknown := names.keys() - COLUMNS.keys():
        raise NotRows(f"has the column {min(unknown)!r:.60}, which plays do not have here")


def _value(name: str, value: Any) -> Any:
    """As BigQuery has it, from text or from a value of JSON or Parquet. NaN, which other programs write, is NULL."""
    if name in OF_IMPORT or value is None or (isinstance(value, float) and isnan(value)):
        if name in _REQUIRED:
            raise Unreadable(f"{name} is missing")
        return None
    try:
        converted = _CONVERTERS[COLUMNS[name]](value)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise Unreadable(f"{name} is not of the type {COLUMNS[name]}") from None
    if name in _REQUIRED and isinstance(converted, str) and not converted.strip():
        raise Unreadable(f"{name} is empty")
    return converted


def _bounded(name: str, value: Any, now: datetime) -> Any:
    """As in load: an optional value out of its column's bounds is NULL. Raises Unreadable for a required one."""
    if name == "isrc":  # in plays of earlier versions as Spotify spelled it
        return to_column(name, value)
    bound = TABLE["bounds"].get(name)
    if bound is None or value is None:
        return value
    try:
        if isinstance(value, datetime):
            in_time(name, value, now)
        elif not (
            re.fullmatch(bound["pattern"], value)
            if "pattern" in bound
            else bound["minimum"] <= value <= bound["maximum"]
        ):
            raise Unreadable(f"{name} is out of its column's bounds")
    except Unreadable:
        if name in _REQUIRED:
            raise
        return None
    return value


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return sys.intern(value.encode("utf-8", "replace").decode())


def _instant(value: Any) -> datetime:
    instant = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError
    instant = instant.astimezone(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _integer(value: Any) -> int:
    number = float(value)
    if isinstance(value, bool) or not number.is_integer():
        raise ValueError
    return int(number)


def _float(value: Any) -> float | None:
    number = float(value)
    return None if isnan(number) else number


_CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    **{"STRING": _string, "TIMESTAMP": _instant, "INTEGER": _integer, "FLOAT": _float},
    "BOOLEAN": lambda value: {"true": True, "false": False}[str(value).lower()],
}
