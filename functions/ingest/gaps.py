"""Notices stretches in which plays may be missing: more than 50 since the last run, or plays that Spotify withholds."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from ingest_cloud import Cloud
from ingest_log import log
from ingest_queries import pages, run_query, string, timestamp
from known_plays import oldest_by_listener
from landed_plays import fetch_landed
from plays import Row
from slots import Run


def pages_without_overlap(rows: Sequence[Row], reached: AbstractSet[str]) -> dict[str, datetime]:
    """The oldest play of each page that no stored play of its listener reaches, by listener.

    A short page is no exception: with fewer than 50 plays on it, the newest stored ones belong on it as well. Where
    they are missing, Spotify withholds plays (43 of 50: Yooooomi/your_spotify#88), whether or not it names a `next`.
    """
    oldest = oldest_by_listener(rows)
    return {listener_id: oldest[listener_id] for listener_id in oldest.keys() - reached}


def before_the_pages(
    oldest: Mapping[str, datetime], landed: Iterable[tuple[str, datetime]]
) -> dict[str, datetime | None]:
    """Of these pages, those that no landed play reaches either, with the newest landed play before each.

    `landed`: listener and instant of each play; there may be hundreds of thousands, and none is kept.
    """
    before: dict[str, datetime | None] = dict.fromkeys(oldest)
    reached = set()
    for listener_id, played_at in landed:
        if listener_id not in oldest:
            continue
        if played_at >= oldest[listener_id]:
            reached.add(listener_id)
        else:
            before[listener_id] = max(played_at, before[listener_id] or played_at)
    return {listener_id: newest for listener_id, newest in before.items() if listener_id not in reached}


def write_gaps(cloud: Cloud, run: Run, oldest: Mapping[str, datetime]) -> None:
    """Record a gap before each of these pages, unless nothing of its listener is known yet."""
    if not oldest:
        return
    landed = before_the_pages(oldest, fetch_landed(cloud.bigquery, cloud.landing, run))
    if not landed:
        return
    merged = run_query(
        cloud.bigquery,
        "add_gaps",
        pages({listener_id: oldest[listener_id] for listener_id in landed}, landed),
        timestamp("newest", max(oldest.values())),
        string("run_id", run.run_id),
        timestamp("detected_at", run.started_at),
    )
    if merged.num_dml_affected_rows:
        log("WARNING", "Plays may be missing", run_id=run.run_id, gaps=merged.num_dml_affected_rows)
