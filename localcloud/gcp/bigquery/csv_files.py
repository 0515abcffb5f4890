"""CSV as BigQuery's load jobs read it: rows out of bytes, errors in BigQuery's form.

Pure: bytes and a schema in, rows or a CsvError out.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from localcloud.gcp.bigquery.schema import STANDARD_NAMES, Field

_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|nan|[+-]?inf(inity)?", re.IGNORECASE)
_BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}
_TIMESTAMP = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})"
    r"(?:[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,6}))?)?)?"
    r"(?: ?(?:Z|UTC|([+-])(\d{1,2})(?::(\d{2}))?))?",
    re.IGNORECASE,
)


def parse_integer(text: str) -> int:
    number = int(text) if _INTEGER.fullmatch(text.strip()) else None
    if number is None or not -(2**63) <= number < 2**63:
        raise ValueError("Unable to parse")
    return number


def parse_float(text: str) -> float:
    if not _FLOAT.fullmatch(text.strip()):
        raise ValueError("Unable to parse")
    return float(text)


def parse_boolean(text: str) -> bool:
    if text.strip().lower() not in _BOOLEANS:
        raise ValueError("Unable to parse")
    return _BOOLEANS[text.strip().lower()]


def parse_timestamp(text: str) -> datetime:
    match = _TIMESTAMP.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = match.groups()
        offset = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
        zone = timezone(-offset if sign == "-" else offset)
        clock = int(hour or 0), int(minute or 0), int(second or 0), int((fraction or "").ljust(6, "0"))
        return datetime(int(year), int(month), int(day), *clock, tzinfo=zone).astimezone(UTC)
    except ValueError:
        wanted = "YYYY-MM-DD HH:MM[:SS[.SSSSSS]] or YYYY/MM/DD HH:MM[:SS[.SSSSSS]]"
        raise ValueError(f"Could not parse '{text}' as a timestamp. Required format is {wanted}") from None


PARSERS: dict[str, Callable[[str], Any]] = {
    "STRING": str,
    "INTEGER": parse_integer,
    "FLOAT": parse_float,
    "BOOLEAN": parse_boolean,
    "TIMESTAMP": parse_timestamp,
}


Value = str | None
"""A field's text; None for an empty field without quotes, which is NULL."""

_FIELD = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n][^,\r\n]*)?)(,|\r\n|\n|\r|\Z)')
_OPEN_QUOTE = 'Missing close quote character (")'
_BAD_QUOTE = re.compile(r'"(?:[^"]|"")*"')


@dataclass(frozen=True)
class Options:
    """Settings of a load job for its CSV files."""

    skip_leading_rows: int = 0
    match_by_name: bool = False
    allow_quoted_newlines: bool = False
    preserve_control_characters: bool = False
    max_bad_records: int = 0


@dataclass(frozen=True)
class Row:
    """One record: its fields, and where it starts."""

    values: list[Value]
    line: int
    position: int


class CsvError(Exception):
    """An error in a file and its place, in BigQuery's form."""

    def __init__(self, problem: str, row: Row, text: str, column: str = "") -> None:
        offset = len(text[: row.position].encode())
        super().__init__(f"{problem}; line_number: {row.line} byte_offset_to_start_of_line: {offset}{column}")


def read_csv(
    content: bytes, fields: Sequence[Field], options: Options, bad: list[CsvError] | None = None
) -> Iterator[list[Any]]:
    """The rows as typed values in the order of the fields.

    Rows that are wrong are left out and collected in `bad`. Raises CsvError at the first of them that is one too many,
    and for a header that is wrong.
    """
    bad = [] if bad is None else bad
    # Documented: what is not UTF-8 becomes the replacement character.
    text = content.decode(errors="replace").removeprefix("\ufeff")
    rows = _rows(text, options)
    skipped = [_whole(row) for _, row in zip(range(options.skip_leading_rows), rows, strict=False)]
    if options.match_by_name and not skipped:
        return
    places = _places(skipped[-1], fields, text) if options.match_by_name else list(range(len(fields)))
    width = len(skipped[-1].values) if options.match_by_name else len(fields)
    parsers = [PARSERS[field["type"]] for field in fields]
    for row in rows:
        try:
            record = _whole(row)
            _check_width(record, width, fields, places, text)
            values = [
                _typed(record, place, field, parse, text)
                for place, field, parse in zip(places, fields, parsers, strict=True)
            ]
        except CsvError as error:
            bad.append(error)
            if len(bad) > options.max_bad_records:
                raise
        else:
            yield values


def _whole(row: Row | CsvError) -> Row:
    if isinstance(row, CsvError):
        raise row
    return row


def _rows(text: str, options: Options) -> Iterator[Row | CsvError]:
    """Each record, or its error.

    Where BigQuery reads on after an error is not known. Never more is read than it might: an open quote costs the rest
    of the file, another fault its line.
    """
    position, line = 0, 1
    while position < len(text):
        row = Row([], line, position)
        try:
            position = _read_row(row, text, options)
        except CsvError as error:
            end = -1 if str(error).startswith(_OPEN_QUOTE) else text.find("\n", row.position)
            position = len(text) if end < 0 else end + 1
            yield error
        else:
            yield row
        line += text.count("\n", row.position, position)


def _read_row(row: Row, text: str, options: Options) -> int:
    """Fills the row; where the next one starts."""
    position, separator = row.position, ","
    while separator == ",":
        match = _FIELD.match(text, position)
        if match is None:
            closed = _BAD_QUOTE.match(text, position)
            problem = 'Data between close quote character (") and field separator' if closed else _OPEN_QUOTE
            raise CsvError(problem, row, text)
        quoted, plain, separator = match.groups()
        row.values.append(_unquoted(quoted, row, text, options) if quoted is not None else plain)
        position = match.end()
    return position


def _unquoted(quoted: str, row: Row, text: str, options: Options) -> str:
    if "\n" in quoted and not options.allow_quoted_newlines:
        raise CsvError(_OPEN_QUOTE, row, text)
    if "\0" in quoted and not options.preserve_control_characters:
        raise CsvError("Bad character (ASCII 0) encountered", row, text)
    return quoted.replace('""', '"')


def _places(header: Row, fields: Sequence[Field], text: str) -> list[int | None]:
    """For each field the place of its column in the file; None where the file does not have it."""
    names = [(name or "").lower() for name in header.values]
    known = {field["name"].lower() for field in fields}
    for name in names:
        if name not in known:
            raise CsvError(f'The header has a column "{name}" that the schema does not have', header, text)
        if names.count(name) > 1:
            raise CsvError(f'The header has the column "{name}" twice', header, text)
    places = [names.index(field["name"].lower()) if field["name"].lower() in names else None for field in fields]
    for field, place in zip(fields, places, strict=True):
        if place is None and field["mode"] == "REQUIRED":
            raise CsvError(f'The header lacks the required column "{field["name"]}"', header, text)
    return places


def _check_width(row: Row, width: int, fields: Sequence[Field], places: Sequence[int | None], text: str) -> None:
    found = len(row.values)
    if found > width:
        raise CsvError(f"Too many values in line. Found {found} column(s) while expected {width}.", row, text)
    if found < width:
        lacking = next((field for field, place in zip(fields, places, strict=True) if place == found), None)
        problem = f"CSV table references column position {found}, but line contains only {found} columns."
        raise CsvError(problem, row, text, _column(found, lacking) if lacking else "")


def _typed(row: Row, place: int | None, field: Field, parse: Callable[[str], Any], text: str) -> Any:
    if place is None:
        return None
    value = row.values[place]
    if value is None or (value == "" and field["type"] != "STRING"):
        if field["mode"] == "REQUIRED":
            raise CsvError("Required column value is missing", row, text, _column(place, field))
        return None
    try:
        return parse(value)
    except ValueError as error:
        problem = str(error)
    raise CsvError(problem, row, text, f'{_column(place, field)} value: "{value}"')


def _column(place: int, field: Field) -> str:
    kind = STANDARD_NAMES.get(field["type"], field["type"])
    return f' column_index: {place} column_name: "{field["name"]}" column_type: {kind}'
