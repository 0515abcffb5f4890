"""Notices stretches in which plays may be missing: more than 50 since the last run, and Spotify shows only 50."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from google.cloud import bigquery

from ingest_log import log
from ingest_queries import pages, run_query, string, timestamp
from known_plays import oldest_by_listener
from plays import Key, Row, key_of
from slots import Run
from spotify import PAGE_SIZE


def pages_without_overlap(
    item_counts: Mapping[str, int], rows: Sequence[Row], known: AbstractSet[Key]
) -> dict[str, datetime]:
    """The oldest play of each full page of which nothing is stored, by listener."""
    overlapping = {row["listener_id"] for row in rows if key_of(row) in known}
    return {
        listener_id: oldest
        for listener_id, oldest in oldest_by_listener(rows).items()
        if item_counts[listener_id] >= PAGE_SIZE and listener_id not in overlapping
    }


def write_gaps(client: bigquery.Client, run: Run, oldest: Mapping[str, datetime]) -> None:
    """Record a gap before each of these pages, unless nothing of its listener is stored yet."""
    if not oldest:
        return
    merged = run_query(
        client,
        "add_gaps",
        pages(oldest),
        timestamp("newest", max(oldest.values())),
        string("run_id", run.run_id),
        timestamp("detected_at", run.started_at),
    )
    if merged.num_dml_affected_rows:
        log("WARNING", "Plays may be missing", run_id=run.run_id, gaps=merged.num_dml_affected_rows)
