"""Turns the bounds of the columns of `plays` into conditions in SQL. Pure.

The bounds stand in the table file of `plays`, beside each column's unit; the deployment hands them over as JSON. A
value outside becomes NULL, or refuses its row where the column is required: BigQuery takes any number and any instant,
but no sum, no partition and no page does.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

Conditions = Mapping[str, str]
"""By column: a condition that is true where the value may be stored, NULL where there is none. @now is the clock."""

_NAME = re.compile("[a-z_]+")
# Nothing that could end a literal, or would need a backslash in it.
_PATTERN = re.compile(r"[\w()\[\]{}|?*+.,-]+", re.ASCII)


def parse_bounds(text: str) -> Conditions:
    """Raises ValueError for anything but the `bounds` of a table file."""
    bounds = json.loads(text)
    if not isinstance(bounds, dict):
        raise ValueError("The bounds are not a JSON object")
    return {column: _condition(column, bound) for column, bound in bounds.items()}


def _condition(column: str, bound: Any) -> str:
    if not _NAME.fullmatch(column):
        raise ValueError("A bound's column has no name of a column")
    match bound:
        case {"pattern": str(pattern)} if _PATTERN.fullmatch(pattern):
            return f"REGEXP_CONTAINS(`{column}`, '^({pattern})$')"
        case {"minimum": str(earliest), "seconds_ahead": int(seconds)}:
            first = f"TIMESTAMP '{datetime.fromisoformat(earliest).isoformat()}'"
            return f"`{column}` BETWEEN {first} AND TIMESTAMP_ADD(@now, INTERVAL {seconds} SECOND)"
        case {"minimum": int() | float() as least, "maximum": int() | float() as most}:
            return f"`{column}` BETWEEN {least} AND {most}"
    raise ValueError(f"The bound of {column} has none of the known forms")
