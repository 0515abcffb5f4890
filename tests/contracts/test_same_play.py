"""When two tellings are one play: load decides, the command `import` foretells, and both mean the same."""

import importlib
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli import export_rows, forecast
from cli.export_rows import ExportedPlay
from cli.forecast import StoredPlay
from spark_jobs import top_tracks
from tests.load.loading import csv_of, loading_cloud, play

NINE = datetime(2026, 11, 22, 9, tzinfo=UTC)
TRACKS = {"6rqhFgbbKwnb9MLmUQDhG6": "One", "4uLU6hMCjMI75M1A2tKUQC": "One", "1AAAAAAAAAAAAAAAAAAAAA": "Two"}

# Crowded on purpose: ties, several candidates within the window, equal and unequal times heard, other ids and names.
SECONDS = st.integers(0, 400)
MS_PLAYED = st.sampled_from([29_999, 30_000, 60_000, 60_001])
ROWS = st.tuples(SECONDS, st.sampled_from(sorted(TRACKS)), st.booleans(), st.none() | MS_PLAYED)
EXPORTS = st.tuples(SECONDS, st.sampled_from(sorted(TRACKS)), MS_PLAYED, st.booleans())


def stored_row(seconds, track, is_export, ms_played):
    source = "export" if is_export else "api"
    names = {"track_name": TRACKS[track].upper(), "artist_name": "Ada"}
    heard = 60_000 if is_export and ms_played is None else ms_played
    return play(0, track=track, played_at=NINE + timedelta(seconds=seconds), source=source, ms_played=heard, **names)


def exported(seconds, track, ms_played, is_named):
    played_at, name = NINE + timedelta(seconds=seconds), TRACKS[track] if is_named else None
    return ExportedPlay(played_at, track, name, "ada", None, ms_played)


def test_the_numbers_of_the_rule_are_the_same_everywhere(monkeypatch):
    import known_plays
    import same_play

    monkeypatch.syspath_prepend("dashboard")
    history = importlib.import_module("history")
    assert timedelta(milliseconds=same_play.APART_MS) == forecast.APART == known_plays._EXPORT_APART
    assert (
        same_play.COUNTS_FROM_MS
        == export_rows.COUNTS_FROM_MS
        == top_tracks.EXPORT_COUNTS_FROM_MS
        == history.EXPORT_COUNTS_FROM_MS
    )


def test_what_the_import_foretells_is_what_load_does(tmp_path):
    with loading_cloud(tmp_path) as loading:

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            st.lists(ROWS, max_size=8, unique_by=lambda row: row[:2]),
            st.lists(EXPORTS, min_size=1, max_size=8, unique_by=lambda row: row[:2]),
        )
        def agree(stored, export):
            loading.warehouse.query_and_wait("DELETE FROM listening.plays WHERE TRUE")
            loading.warehouse.query_and_wait("DELETE FROM listening.runs WHERE TRUE")
            agree.count += 1
            rows, plays = [stored_row(*row) for row in stored], [exported(*row) for row in sorted(export)]
            table = loading.warehouse.get_table("listening.plays")
            if rows:
                loading.cloud.storage.write(loading.landing, "plays/past.csv", csv_of(*rows))
                store(loading, table)
            known = [StoredPlay(**{name: row[name] for name in StoredPlay.__slots__}) for row in rows]
            foretold = forecast.forecast(plays, known, [])

            slot = NINE + timedelta(seconds=agree.count)
            loading.land(csv_of(*map(landed, plays)), f"{slot:plays/%Y/%m/%d/%Y%m%dT%H%M%SZ}.csv")
            assert loading.deliver()[-1] == 200
            [details] = [row["details"] for row in loading.ledger()]
            assert details == {"new": 0, "completed": 0, "known": 0} | foretold.counts
            assert len(loading.plays()) == len(rows) + details["new"]

        agree.count = 0
        agree()


def store(loading, table):
    """Rows as they are, past load, which would make pairs of them."""
    from google.cloud import bigquery

    config = bigquery.LoadJobConfig(source_format="CSV", skip_leading_rows=1, source_column_match="NAME")
    uri = f"gs://{loading.landing}/plays/past.csv"
    loading.warehouse.load_table_from_uri(uri, table, job_config=config).result()


def landed(told):
    names = {"track_name": told.track_name, "artist_name": told.artist_name, "ms_played": told.ms_played}
    return play(0, track=told.track_id, played_at=told.played_at, source="export", **names)
