"""A field of a CSV file as the value of its column's type, as BigQuery reads it; ValueError in BigQuery's words."""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

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


def _parse_integer(text: str) -> int:
    number = int(text) if _INTEGER.fullmatch(text.strip()) else None
    if number is None or not -(2**63) <= number < 2**63:
        raise ValueError("Unable to parse")
    return number


def _parse_float(text: str) -> float:
    if not _FLOAT.fullmatch(text.strip()):
        raise ValueError("Unable to parse")
    return float(text)


def _parse_boolean(text: str) -> bool:
    if text.strip().lower() not in _BOOLEANS:
        raise ValueError("Unable to parse")
    return _BOOLEANS[text.strip().lower()]


def _parse_timestamp(text: str) -> datetime:
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


def _parse_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("Unable to parse") from None


def _parse_json(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        raise ValueError("Unable to parse") from None


PARSERS: dict[str, Callable[[str], Any]] = {
    "STRING": str,
    "INTEGER": _parse_integer,
    "FLOAT": _parse_float,
    "BOOLEAN": _parse_boolean,
    "TIMESTAMP": _parse_timestamp,
    "DATE": _parse_date,
    "JSON": _parse_json,
}
