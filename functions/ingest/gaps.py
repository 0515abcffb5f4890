"""Notices stretches in which plays may be missing: more than 50 since the last run, or plays that Spotify withholds."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from ingest_cloud import Cloud
from ingest_log import log
from ingest_queries import Before, pages, run_query, string, timestamp
from known_plays import oldest_by_listener
from landed_plays import LandedPlay, fetch_landed
from plays import Row
from slots import Run


def pages_without_overlap(rows: Sequence[Row], reached: AbstractSet[str]) -> dict[str, datetime]:
    """The oldest play of each page that no stored play of its listener reaches, by listener.

    A short page is no exception: with fewer than 50 plays on it, the newest stored ones belong on it as well. Where
    they are missing, Spotify withholds plays (43 of 50: Yooooomi/your_spotify#88), whether or not it names a `next`.
    """
    oldest = oldest_by_listener(rows)
    return {listener_id: oldest[listener_id] for listener_id in oldest.keys() - reached}


def before_the_pages(oldest: Mapping[str, datetime], landed: Iterable[LandedPlay]) -> dict[str, Before]:
    """Of these pages, those that no landed play of the API reaches either, with what was landed before each.

    There may be hundreds of thousands of landed plays, and none is kept.
    """
    before, reached = dict.fromkeys(oldest, Before()), set[str]()
    for play in landed:
        known = before.get(play.listener_id)
        if known is None:
            continue
        if play.played_at < oldest[play.listener_id]:
            newest = max(play.played_at, known.newest or play.played_at)
            from_api = known.from_api if play.import_id else max(play.played_at, known.from_api or play.played_at)
            before[play.listener_id] = Before(newest, from_api, known.import_id)
        elif play.import_id:
            before[play.listener_id] = replace(known, import_id=play.import_id)
        else:
            reached.add(play.listener_id)
    return {listener_id: known for listener_id, known in before.items() if listener_id not in reached}


def write_gaps(cloud: Cloud, run: Run, oldest: Mapping[str, datetime], imported: Mapping[str, str]) -> None:
    """Record a gap before each of these pages, unless nothing of its listener is known yet.

    One that plays of an import fill is recorded as closed, because the import can be undone. That comes first: an
    import that is undone between the two statements leaves a gap and not nothing.
    """
    if not oldest:
        return
    before = before_the_pages(oldest, fetch_landed(cloud.bigquery, cloud.landing, run))
    if not before:
        return
    parameters = (
        pages({listener_id: oldest[listener_id] for listener_id in before}, before, imported),
        timestamp("newest", max(oldest.values())),
        string("run_id", run.run_id),
        timestamp("detected_at", run.started_at),
    )
    run_query(cloud.bigquery, "add_closed_gaps", *parameters)
    merged = run_query(cloud.bigquery, "add_gaps", *parameters)
    if merged.num_dml_affected_rows:
        log("WARNING", "Plays may be missing", run_id=run.run_id, gaps=merged.num_dml_affected_rows)
