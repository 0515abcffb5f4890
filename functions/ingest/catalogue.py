"""Fills the table `catalogue`: what Spotify's API shows of a track, and audio features for tracks that have none yet.

Runs when all else of a run is done and recorded, so that nothing in it costs a play or a run. It keeps no cursor:
the next run requests what is unknown then, the tracks of the last weeks first (docs/decisions/0049).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from google.cloud import bigquery

from audio_features import FEATURES, ID_FORM, UNKNOWN_FOR, Provider, fetch_one_call
from failures import Failure, RequestRefused, UnreadableAnswer
from ingest_cloud import Cloud
from ingest_log import log, logging_outages
from ingest_queries import CALL_SECONDS, RETRY, integer, run_query, string, timestamp
from plays import COLUMNS, Row
from slots import Run

# Not only what was stored since the run before: a run's own plays reach the warehouse after it, and the next run with
# plays may be weeks away. Older ones enter the catalogue when the track is played again.
_PLAYED_WITHIN = timedelta(days=31)
_LATELY = timedelta(days=28)
_REFUSED_FOR = timedelta(days=1)
_EARLIEST = datetime(2006, 1, 1, tzinfo=UTC)
_TYPES = {"STRING": "STRING", "INTEGER": "INT64", "FLOAT": "FLOAT64"}


def fill(cloud: Cloud, run: Run, provider: Provider | None, *, has_new_plays: bool) -> None:
    """Merge what the API has shown, if this run brought plays; then fetch audio features up to the setting's number."""
    with logging_outages(run.run_id, "The catalogue of tracks could not be filled"):
        table = cloud.bigquery.get_table(f"{cloud.settings.dataset}.catalogue", retry=RETRY, timeout=CALL_SECONDS)
        # Of all plays while the catalogue is empty, after an update for instance.
        since = run.started_at - _PLAYED_WITHIN if table.num_rows else _EARLIEST
        if has_new_plays or not table.num_rows:
            run_query(cloud.bigquery, "fill_catalogue", timestamp("since", since))
        if provider and cloud.settings.catalogue_tracks_per_run:
            _fetch_unknown(cloud, run, provider)


def _fetch_unknown(cloud: Cloud, run: Run, provider: Provider) -> None:
    """The first failure ends it for this run."""
    most = cloud.settings.catalogue_tracks_per_run
    track_ids = find_unknown(cloud.bigquery, run.started_at, provider.name, most)
    left = len(track_ids)
    try:
        for answers in fetch_and_store(cloud.bigquery, run.started_at, provider, track_ids):
            left -= len(answers)
    except Failure as failure:
        log(
            "WARNING",
            "Audio features for the catalogue could not be fetched; the next run tries again",
            run_id=run.run_id,
            provider=provider.name,
            tracks=left,
            error_class=type(failure).__name__,
            reason=str(failure),
        )


def find_unknown(client: bigquery.Client, now: datetime, source: str, most: int) -> list[str]:
    """Ids of tracks without audio features, in the order in which to fetch them."""
    found = run_query(
        client,
        "unknown_tracks",
        string("source", source),
        string("id_form", f"^({ID_FORM})$"),
        timestamp("now", now),
        timestamp("lately", now - _LATELY),
        integer("most", most),
    )
    return [row["track_id"] for row in found]


def fetch_and_store(
    client: bigquery.Client, now: datetime, provider: Provider, track_ids: Sequence[str]
) -> Iterator[Mapping[str, Row]]:
    """Yields the answers of each call by track id, once they are stored. Raises the first Failure.

    A call that is refused as a whole must not be the first of the next run as well.
    """
    for start in range(0, len(track_ids), provider.ids_per_call):
        ids = track_ids[start : start + provider.ids_per_call]
        try:
            columns, isrcs = fetch_one_call(provider, ids)
        except (RequestRefused, UnreadableAnswer):
            _store(client, now, {track_id: {} for track_id in ids}, _REFUSED_FOR)
            raise
        answers = {track_id: row | {"isrc": isrcs[track_id]} for track_id, row in columns.items()}
        _store(client, now, answers, UNKNOWN_FOR)
        yield answers


def is_known(answer: Row) -> bool:
    """Without any audio feature the track is unknown."""
    return any(answer.get(name) is not None for name in FEATURES)


def _store(client: bigquery.Client, now: datetime, answers: Mapping[str, Row], unknown_for: timedelta) -> None:
    structs = [_struct(track_id, row, now + unknown_for) for track_id, row in answers.items()]
    given = bigquery.ArrayQueryParameter("answers", "STRUCT", structs)
    run_query(client, "add_answers", given, timestamp("asked_at", now))


def _struct(track_id: str, row: Row, unknown_until: datetime) -> bigquery.StructQueryParameter:
    values = row | {"track_id": track_id}
    columns = ("track_id", "isrc", *FEATURES, "features_source")
    return bigquery.StructQueryParameter(
        None,
        *(bigquery.ScalarQueryParameter(name, _TYPES[COLUMNS[name]], values.get(name)) for name in columns),
        timestamp("ask_again_at", None if is_known(row) else unknown_until),
    )
