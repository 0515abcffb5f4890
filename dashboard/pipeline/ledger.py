"""Validates rows of the ledger: replaces unknown states, counts and details, and says so in the reason.

The pipeline's own rows pass unchanged. The table's types allow more, and rows may be of another version, or by hand.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd

UNREADABLE = "unreadable"
_STATES = ("succeeded", "skipped", "failed")
_COUNTS = ("listeners", "rows_in", "rows_new")
_INSTANTS = ("slot", "started_at", "finished_at")
_MOST_ROWS = 10**12
_YEARS = range(2006, 2200)
"""Every clock of the world can show their instants."""


def readable(runs: pd.DataFrame) -> pd.DataFrame:
    """The frame of queries/runs.sql with `details` as a dict or None, and its listeners' parts as `_part` makes them.

    An unknown state is `unreadable`, a count or pause that is none NULL, and the reason says so. Rows of no instant
    that a clock can show belong to no hour and are left out.
    """
    is_placed = pd.DataFrame({name: runs[name].dt.year.isin(_YEARS) for name in _INSTANTS}).all(axis=1)
    kept = runs[is_placed]
    columns = ["state", *_COUNTS, "blocked_until", "reason", "details"]
    read = pd.DataFrame([_row(row) for row in kept.to_dict("records")], kept.index, columns, dtype=object)
    types: dict[str, Any] = dict.fromkeys(_COUNTS, "Int64")
    types |= {name: kept[name].dtype for name in ("state", "reason")}
    pauses = pd.to_datetime(read["blocked_until"], utc=True)
    return kept.assign(**{**read.astype(types), "blocked_until": pauses})


def _row(row: Mapping[Any, Any]) -> dict[str, Any]:
    values: dict[str, Any]
    is_known, pause, text = row["state"] in _STATES, row["blocked_until"], _text(row["details"])
    details = _details(json.loads(text)) if text else None
    values = {name: _count(row[name]) for name in _COUNTS}
    values["blocked_until"] = pause if not pd.isna(pause) and pause.year in _YEARS else None
    unread = [name for name, value in values.items() if value is None and not pd.isna(row[name])]
    unread += [] if is_known else [f"state {row['state']}"]
    unread += ["details"] if details is None and text not in (None, "null") else []
    flaws = f"The ledger's record cannot be read in full: {', '.join(unread)}." if unread else ""
    reason = " ".join(part for part in (_text(row["reason"]), flaws) if part)
    return {**values, "state": row["state"] if is_known else UNREADABLE, "reason": reason or None, "details": details}


def _details(details: Any) -> dict[str, Any] | None:
    """None where they, or their `listeners`, are not an object."""
    if not isinstance(details, dict) or not isinstance(details.get("listeners", {}), dict):
        return None
    parts = {slug: _part(part) for slug, part in details.get("listeners", {}).items() if slug.strip()}
    return {**details, "listeners": parts} if "listeners" in details else details


def _part(part: Any) -> dict[str, Any]:
    """One listener's part of a run, without values of another type than ingest writes."""
    about = dict(part) if isinstance(part, dict) else {}
    readers = {"fetched": _count, "new": _count, "error_class": _text, "reason": _text, "consent_ends_at": _instant}
    about |= {name: read(about[name]) for name, read in readers.items() if name in about}
    return about | {"state": _text(about.get("state")) or UNREADABLE}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value <= _MOST_ROWS else None


def _instant(value: Any) -> str | None:
    """As ISO 8601 with a time zone, UTC where none stands."""
    try:
        instant = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    if instant.year not in _YEARS:
        return None
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).isoformat()
