"""Fills the table `catalogue`: what Spotify's API shows of a track, and audio features for tracks that have none yet.

Runs when all else of a run is done and recorded, so that nothing in it costs a play or a run. It keeps no place: the
next run asks for what is not known then, the tracks of the last weeks first (docs/decisions/0049).
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from google.cloud import bigquery

from audio_features import ASKABLE, FEATURES, UNKNOWN_FOR, Provider, fetch_columns
from failures import Failure, RequestRefused, UnreadableAnswer
from ingest_cloud import Cloud
from ingest_log import log, logging_outages
from ingest_queries import CALL_SECONDS, RETRY, integer, run_query, string, timestamp
from plays import COLUMNS, Row
from slots import Run

_BOUNDS = json.loads((Path(__file__).parent / "tables" / "catalogue.json").read_text(encoding="utf-8"))["bounds"]
# Not only what was stored since the run before: a run's own plays reach the warehouse after it, and the next run with
# plays may be weeks away. Of older ones the catalogue learns when the track is played again.
_PLAYED_WITHIN = timedelta(days=31)
_LATELY = timedelta(days=28)
# A call that is refused as a whole must not be the first of the next run as well.
_REFUSED_FOR = timedelta(days=1)
_EARLIEST = datetime(2006, 1, 1, tzinfo=UTC)
_TYPES = {"STRING": "STRING", "INTEGER": "INT64", "FLOAT": "FLOAT64"}


def fill(cloud: Cloud, run: Run, provider: Provider | None, *, has_news: bool) -> None:
    """What the API has shown, where this run brought plays, and answers for as many tracks as the setting allows."""
    with logging_outages(run.run_id, "The catalogue of tracks could not be filled"):
        table = cloud.bigquery.get_table(f"{cloud.settings.dataset}.catalogue", retry=RETRY, timeout=CALL_SECONDS)
        if has_news or not table.num_rows:
            _add_shown(cloud, run, of_all_plays=not table.num_rows)
        if provider and cloud.settings.catalogue_tracks_per_run:
            _ask_for_unknown(cloud, run, provider)


def _add_shown(cloud: Cloud, run: Run, *, of_all_plays: bool) -> None:
    """Of the last month's plays; of all while the catalogue is empty, after an update for instance."""
    since = _EARLIEST if of_all_plays else run.started_at - _PLAYED_WITHIN
    run_query(cloud.bigquery, "fill_catalogue", timestamp("since", since))


def _ask_for_unknown(cloud: Cloud, run: Run, provider: Provider) -> None:
    """Each call's answers are stored before the next call. The first failure ends the asking for this run."""
    found = run_query(
        cloud.bigquery,
        "unknown_tracks",
        string("source", provider.name),
        string("askable", f"^({ASKABLE})$"),
        timestamp("now", run.started_at),
        timestamp("lately", run.started_at - _LATELY),
        integer("most", cloud.settings.catalogue_tracks_per_run),
    )
    track_ids = [row["track_id"] for row in found]
    for start in range(0, len(track_ids), provider.ids_per_call):
        ids = track_ids[start : start + provider.ids_per_call]
        try:
            columns, isrcs = fetch_columns(provider, ids)
        except Failure as failure:
            _log_failure(run, provider, len(track_ids) - start, failure)
            if isinstance(failure, RequestRefused | UnreadableAnswer):
                _store(cloud.bigquery, run, {track_id: {} for track_id in ids}, _REFUSED_FOR)
            return
        answers = {track_id: row | {"isrc": isrcs[track_id]} for track_id, row in columns.items()}
        _store(cloud.bigquery, run, answers, UNKNOWN_FOR)


def _store(client: bigquery.Client, run: Run, answers: Mapping[str, Row], unknown_for: timedelta) -> None:
    structs = [_struct(track_id, row, run.started_at + unknown_for) for track_id, row in answers.items()]
    run_query(
        client,
        "add_answers",
        bigquery.ArrayQueryParameter("answers", "STRUCT", structs),
        timestamp("asked_at", run.started_at),
    )


def _struct(track_id: str, row: Row, unknown_until: datetime) -> bigquery.StructQueryParameter:
    """An ISRC of another form is NULL. Without any audio feature the track is unknown."""
    isrc = row.get("isrc")
    values = row | {
        "track_id": track_id,
        "isrc": isrc if isrc and re.fullmatch(_BOUNDS["isrc"]["pattern"], isrc) else None,
    }
    columns = ("track_id", "isrc", *FEATURES, "features_source")
    is_known = any(row.get(name) is not None for name in FEATURES)
    return bigquery.StructQueryParameter(
        None,
        *(bigquery.ScalarQueryParameter(name, _TYPES[COLUMNS[name]], values.get(name)) for name in columns),
        timestamp("ask_again_at", None if is_known else unknown_until),
    )


def _log_failure(run: Run, provider: Provider, tracks: int, failure: Failure) -> None:
    log(
        "WARNING",
        "Audio features for the catalogue could not be fetched; the next run asks again",
        run_id=run.run_id,
        provider=provider.name,
        tracks=tracks,
        error_class=type(failure).__name__,
        reason=str(failure),
    )
