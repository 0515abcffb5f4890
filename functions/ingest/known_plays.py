"""What the warehouse, the only memory there is, already holds of the plays on the pages."""

from collections.abc import Sequence
from datetime import datetime

from google.cloud import bigquery

from ingest_queries import pages, run_query, timestamp
from plays import Key, Row, key_of


def fetch_known(client: bigquery.Client, rows: Sequence[Row]) -> set[Key]:
    """Keys of the plays stored already, for every listener from the oldest of the given plays on; one query."""
    if not rows:
        return set()
    oldest = oldest_by_listener(rows)
    found = run_query(client, "known_plays", pages(oldest), timestamp("oldest", min(oldest.values())))
    return {key_of(dict(row)) for row in found}


def oldest_by_listener(rows: Sequence[Row]) -> dict[str, datetime]:
    """When the oldest of each listener's plays was."""
    oldest: dict[str, datetime] = {}
    for row in rows:
        oldest[row["listener_id"]] = min(row["played_at"], oldest.get(row["listener_id"], row["played_at"]))
    return oldest
