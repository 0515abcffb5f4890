"""What the warehouse, the only memory there is, already holds of the plays on the pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from google.cloud import bigquery

from ingest_queries import pages, run_query, timestamp
from plays import Key, Row, key_of

# An export tells the end of a play in whole seconds and a little off: see functions/load/same_play.py.
_EXPORT_APART = timedelta(seconds=90)


@dataclass(frozen=True)
class Known:
    """`keys`: plays that need not be landed. `reached`: listeners whose stored plays reach into their page.

    A play that only an import has stored is landed once more, because the API tells more of it, and because the import
    may be undone; load knows that the two are one play, and makes one row of them, which has the API's key.
    `imported`: the import whose plays reach into the page of a listener, where no play from the API does.
    """

    keys: frozenset[Key]
    reached: frozenset[str]
    imported: Mapping[str, str]


def fetch_known(client: bigquery.Client, rows: Sequence[Row]) -> Known:
    """What is stored of every listener from the oldest of the given plays on; one query."""
    if not rows:
        return Known(frozenset(), frozenset(), {})
    oldest = {listener: instant - _EXPORT_APART for listener, instant in oldest_by_listener(rows).items()}
    found = list(run_query(client, "known_plays", pages(oldest), timestamp("oldest", min(oldest.values()))))
    keys = frozenset(key_of(dict(row)) for row in found if not row.is_only_imported)
    on_page = {row["listener_id"] for row in rows if key_of(row) in keys}
    # An export holds everything up to its end: one that ends within the page leaves no gap before the page.
    only_imported = sorted((row for row in found if row.is_only_imported), key=lambda row: row.played_at)
    imports = {row.listener_id: row.import_id for row in only_imported}
    unnamed = {listener for listener, import_id in imports.items() if import_id is None}
    imported = {listener: import_id for listener, import_id in imports.items() if listener not in on_page | unnamed}
    return Known(keys, frozenset(on_page | unnamed), imported)


def oldest_by_listener(rows: Sequence[Row]) -> dict[str, datetime]:
    """When the oldest of each listener's plays was."""
    oldest: dict[str, datetime] = {}
    for row in rows:
        oldest[row["listener_id"]] = min(row["played_at"], oldest.get(row["listener_id"], row["played_at"]))
    return oldest
