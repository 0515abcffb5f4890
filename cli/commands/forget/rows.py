"""Deletes a listener's rows from BigQuery, and the name from the ledger's rows that contain it."""

import json
import re
from collections.abc import Mapping
from typing import Any

from google.cloud import bigquery

from cli.warehouse import Row, Warehouse, string, structs

FORGOTTEN = "a forgotten listener"
_UNPARTITIONED = ("gaps", "closed_gaps", "imports", "tracks", "top_tracks")
# A statement with its parameters may have 10 MB: https://cloud.google.com/bigquery/quotas#query_jobs
# So many entries are in as many partitions at most, of the 4,000 that a statement may change.
_ENTRIES_AT_ONCE = 1000
_ENTRY = {
    **{"run_id": "STRING", "slot": "TIMESTAMP", "step": "STRING", "started_at": "TIMESTAMP"},
    **{"reason": "STRING", "details": "STRING"},
}
"""The key of a row of the ledger, and its words; details as JSON in a text."""
_PLACES = {
    "ingest": "(?:^|(?<=[;,] )){name}(?=[,:] )"
    "|(?:(?<=authorize )|(?<=refresh-token-)|(?<=listener=)|(?<=the secret )){name}",
    "import": "(?<=^Export of ){name}",
    "undo": "(?<=Z of ){name}",
}
"""Where the project's own sentences have a listener's name, by step. The other steps name none.

As in "2 new plays from 1 of 3 listeners; anna, bo: sentence" and "Import 20261122T100000Z of anna was undone".
"""
_NOWHERE = "(?!)"
_QUOTES = re.compile("(?:BigQuery|load|Dataproc|Batch) [^:]*: ")
"""What begins a reason that goes on in words of BigQuery's or Dataproc's, which may quote a row anywhere."""


def is_named(listener: str, text: str) -> bool:
    return _whole(listener).search(text) is not None


def _whole(listener: str) -> re.Pattern[str]:
    """The name with no letter of a name beside it: anna is not joanna, nor anna-2."""
    return re.compile(rf"(?<![\w-]){re.escape(listener)}(?![\w-])")


def _in_reason(listener: str, step: str, reason: str) -> re.Pattern[str]:
    """The name where it is one: a listener may be called `may` or `plays`."""
    if _QUOTES.match(reason):
        return _whole(listener)
    return re.compile(_PLACES.get(step, _NOWHERE).format(name=rf"{re.escape(listener)}(?![\w-])"))


def count(warehouse: Warehouse, listener: str) -> dict[str, int]:
    """The listener's rows by table, and those of the ledger that name the listener, as `runs`."""
    whose, rows = string("listener_id", listener), {}
    for name in ("plays", *_UNPARTITIONED):
        [row] = warehouse.run("rows_of_listener", whose, names={"table": name})
        rows[name] = row.row_count
    return rows | {"runs": len(_reworded(warehouse, listener))}


def forget(warehouse: Warehouse, listener: str) -> dict[str, int]:
    """How many rows were deleted or, of `runs`, reworded."""
    warehouse.drop_staging()
    whose = string("listener_id", listener)
    deleted = {"plays": warehouse.change_plays("forget_plays", listener, whose)}
    for name in _UNPARTITIONED:
        deleted[name] = warehouse.run("forget_rows", whose, names={"table": name}).num_dml_affected_rows or 0
    warehouse.run("forget_catalogue")  # it names no listener: nothing to count
    entries = _reworded(warehouse, listener)
    for start in range(0, len(entries), _ENTRIES_AT_ONCE):
        words = (
            [bigquery.ScalarQueryParameter(name, kind, entry[name]) for name, kind in _ENTRY.items()]
            for entry in entries[start : start + _ENTRIES_AT_ONCE]
        )
        warehouse.run("reword_ledger", structs("entries", words))
    return deleted | {"runs": len(entries)}


def reworded(row: Mapping[str, Any], listener: str) -> Row | None:
    """The row without the listener; None when it does not name the listener. `details` is JSON in a text."""
    details = json.loads(row["details"] or "null")
    listeners = details.get("listeners") if isinstance(details, dict) else None
    # The second where the listener's secret has lost its labels.
    listed = {listener, f"secrets/refresh-token-{listener}"} & set(listeners if isinstance(listeners, dict) else ())
    for name in listed:
        details["listeners"].pop(name)
    before = row["reason"] or ""
    reason = _in_reason(listener, row["step"], before).sub(FORGOTTEN, before)
    if not listed and reason == before:
        return None
    return {**row, "reason": reason or None, "details": None if details is None else json.dumps(details)}


def _reworded(warehouse: Warehouse, listener: str) -> list[Row]:
    rows = warehouse.run("ledger_naming", string("listener_id", listener))
    return [entry for row in rows if (entry := reworded(dict(row), listener))]
