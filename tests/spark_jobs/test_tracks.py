"""The whole of `tracks` for plays that were written by hand, and for random ones against a recount."""

from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from localcloud.demo import recount
from spark_jobs.top_tracks import PLAY_COLUMNS, by_track, top_tracks, tracks, with_catalogue
from tests.spark_jobs.frames import (
    AS_OF,
    BATCH,
    bare_play,
    catalogue_frame,
    play,
    plays_frame,
    rows_of,
    summaries_frame,
    text,
)
from tests.spark_jobs.test_random_plays import random_plays

pytestmark = pytest.mark.spark

HOUR = timedelta(hours=1)
WITH_FEATURES = {"energy": 0.5, "tempo": 120.0, "features_source": "reccobeats"}


def listed(spark: SparkSession, plays: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the table by key: their order in its files has no meaning."""
    return by_key(tracks(summaries_frame(spark, plays), BATCH))


def by_key(frame: DataFrame) -> list[dict[str, Any]]:
    return rows_of(frame.sort("listener_id", "track_id"))


def test_a_track_has_the_values_of_its_newest_play(spark: SparkSession) -> None:
    more = {
        "artist_id": "artist",
        "album_id": "album",
        "album_release_date": "2019",
        "explicit": False,
        "popularity": 7,
    }
    [row] = listed(
        spark,
        [
            play("t", 3 * HOUR, track_name="Old", isrc="OLD", **WITH_FEATURES | {"energy": 0.4}),
            play("t", 1 * HOUR, track_name="New", **more, **WITH_FEATURES),
            play("t", 2 * HOUR, track_name="Before", isrc="NEW", **WITH_FEATURES | {"energy": 0.3}),
        ],
    )
    assert {name: value for name, value in row.items() if value is not None} == {
        "listener_id": "ada",
        "track_id": "t",
        "track_name": "New",
        "artist_name": "t's artist",
        "artist_names": "t's artist; another",
        "album_name": "t's album",
        "image_url": "https://i.scdn.co/image/t",
        "isrc": "NEW",
        "duration_ms": 60_000,
        "source": "api",
        "last_played_at": "2026-11-22 09:00:00",
        "run_id": "20261122T090000Z",
        **more,
        **WITH_FEATURES,
    }


def test_a_play_that_knows_more_wins_although_it_is_older(spark: SparkSession) -> None:
    cases: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({"source": "export"}, {"source": "api"}, "older"),
        ({"source": "api"}, {"source": "export"}, "newer"),
        ({}, WITH_FEATURES, "older"),
        (WITH_FEATURES, {}, "newer"),
        ({"source": "export", **WITH_FEATURES}, {"source": "api"}, "older"),
        ({"source": "export"}, {"source": "export"}, "newer"),
    ]
    plays = [
        play("t", hours * HOUR, listener_id=f"listener {place}", track_name=name, **knows)
        for place, (newer, older, _) in enumerate(cases)
        for hours, name, knows in ((1, "newer", newer), (2, "older", older))
    ]
    found = [(row["track_name"], row["last_played_at"]) for row in listed(spark, plays)]
    assert found == [(winner, "2026-11-22 09:00:00") for *_, winner in cases]


def test_names_that_a_later_play_empties_stay_those_of_the_play_before(spark: SparkSession) -> None:
    more = {"artist_id": "artist", "album_id": "album", "album_release_date": "2019", "explicit": False}
    names = ["track_name", "artist_id", "artist_name", "artist_names", "album_id", "album_name", "album_release_date"]
    plays = [
        play("t", 3 * HOUR, **more, **WITH_FEATURES),
        bare_play("t", 2 * HOUR, **dict.fromkeys([*names, "image_url"], ""), **WITH_FEATURES | {"energy": 0.25}),
        bare_play("t", HOUR, track_name="New", popularity=7, **WITH_FEATURES | {"energy": 0.75}),
    ]
    [row] = listed(spark, plays)
    shown = [*names, "image_url", "duration_ms", "explicit", "popularity", "energy"]
    assert {name: row[name] for name in shown} == {
        **{name: value for name, value in play("t").items() if name in shown},
        **more,
        "track_name": "New",
        "popularity": 7,
        "energy": 0.75,
    }


def test_plays_after_as_of_are_left_out_and_no_listener_gets_the_tracks_of_another(spark: SparkSession) -> None:
    later = -timedelta(milliseconds=1)
    plays = [
        play("b"),
        play("late", later),
        play("a", later, track_name="Late"),
        play("a"),
        play("a", listener_id="ben"),
    ]
    rows = listed(spark, plays)
    assert [(row["listener_id"], row["track_id"], row["track_name"]) for row in rows] == [
        ("ada", "a", "a's name"),
        ("ada", "b", "b's name"),
        ("ben", "a", "a's name"),
    ]


def test_random_plays_give_the_list_that_a_recount_gives_whatever_their_order_and_repetition(
    spark: SparkSession,
) -> None:
    plays = [
        dict.fromkeys(PLAY_COLUMNS)
        | row
        | {
            "energy": [None, 0.25, 0.75][place % 3],
            "track_name": ["", None, f"name {place}"][place % 3],
            "album_id": f"album {place}" if place % 5 else "",
            "explicit": [None, False, True, None][place % 4],
            "features_source": "spotify",
        }
        for place, row in enumerate(random_plays(seed=3))
    ]
    again = plays_frame(spark, plays[::-1] + plays[::3]).repartition(5)
    recounted = recount.tracks(plays, AS_OF)
    assert by_key(tracks(by_track(again, AS_OF), BATCH)) == [
        {**row, "last_played_at": text(row["last_played_at"]), "run_id": BATCH.run_id} for row in recounted
    ]


def test_the_catalogue_completes_plays_and_its_audio_features_come_first(spark: SparkSession) -> None:
    plays = [
        bare_play("import", track_name="Name", source="export", ms_played=60_000),
        play("shown", energy=0.25, features_source="spotify", valence=0.5, isrc="SHOWN"),
        play("unknown", energy=0.75, features_source="spotify"),
    ]
    known = {"track_name": "Other", "image_url": "cover", "isrc": "ISRC", "duration_ms": 1, **WITH_FEATURES}
    unknown = {"track_id": "unknown", "features_source": "reccobeats"}
    twice = {**known, "track_id": "shown"}
    catalogue = catalogue_frame(spark, [{**known, "track_id": "import"}, twice, twice, unknown])

    completed = with_catalogue(plays_frame(spark, plays), catalogue)

    assert completed.columns == PLAY_COLUMNS
    rows = {row["track_id"]: row for row in by_key(tracks(by_track(completed, AS_OF), BATCH))}
    shown = ["track_name", "image_url", "isrc", "energy", "valence", "features_source"]
    assert {track: [row[name] for name in shown] for track, row in rows.items()} == {
        "import": ["Name", "cover", "ISRC", 0.5, None, "reccobeats"],
        "shown": ["shown's name", "https://i.scdn.co/image/shown", "SHOWN", 0.5, None, "reccobeats"],
        "unknown": ["unknown's name", "https://i.scdn.co/image/unknown", None, 0.75, None, "spotify"],
    }
    all_columns = [dict.fromkeys(PLAY_COLUMNS) | row for row in plays]
    recounted = recount.tracks(recount.completed(all_columns, rows_of(catalogue)), AS_OF)
    assert list(rows.values()) == [
        {**row, "last_played_at": text(row["last_played_at"]), "run_id": BATCH.run_id} for row in recounted
    ]


def test_an_import_and_a_play_of_the_api_are_one_recording_when_the_catalogue_has_the_isrc(spark: SparkSession) -> None:
    plays = [
        play("album", isrc="ISRC"),
        bare_play("single", 2 * HOUR, track_name="Name", source="export", ms_played=60_000),
    ]
    completed = with_catalogue(
        plays_frame(spark, plays), catalogue_frame(spark, [{"track_id": "single", "isrc": "ISRC"}])
    )
    rows = rows_of(top_tracks(by_track(completed, AS_OF), BATCH).where("period = 'all_time'"))
    assert [(row["track_id"], row["plays"]) for row in rows] == [("album", 2)]
