"""The whole of `top_tracks` for listeners whose plays were written by hand."""

from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession

from spark_jobs.top_tracks import top_tracks
from tests.spark_jobs.frames import BATCH, bare_play, play, rows_of, summaries_frame

pytestmark = pytest.mark.spark

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def tied_at_the_tenth_place() -> list[dict[str, Any]]:
    """Nine tracks played twice, then three played once, of which only the one played last can be tenth."""
    twice = [play(f"twice-{n}", n * MINUTE + again * DAY) for n in range(9) for again in range(2)]
    return twice + [play(f"once-{n}", n * DAY) for n in (3, 2, 4)]


def three_plays() -> list[dict[str, Any]]:
    return [play("a", 1 * MINUTE), play("b", 2 * MINUTE, duration_ms=90_000), play("a", 20 * DAY)]


def two_ids_of_one_recording() -> list[dict[str, Any]]:
    return [
        play("album", 3 * MINUTE, isrc="GBAAA2100001"),
        play("single", 2 * MINUTE, isrc="GBAAA2100001"),
        bare_play("album", 9 * DAY, source="export", ms_played=45_000),
        bare_play("single", 10 * DAY, source="export", ms_played=29_999),
        play("rival", 1 * MINUTE),
        play("rival", 8 * DAY),
    ]


LISTENERS = {
    "tied": tied_at_the_tenth_place(),
    "three": three_plays(),
    "two-ids": two_ids_of_one_recording(),
    "bare": [bare_play("x"), bare_play("x"), bare_play("x", 2 * MINUTE)],
    "only-short": [bare_play("y", source="export", ms_played=1)],
    "edges": [play("now", timedelta(0)), play("before", 7 * DAY), play("now", 14 * DAY), play("later", -MINUTE)],
}


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> list[dict[str, Any]]:
    """One table for all the listeners, as the job would write it."""
    plays = [{**row, "listener_id": listener} for listener, rows in LISTENERS.items() for row in rows]
    return rows_of(top_tracks(summaries_frame(spark, plays), BATCH))


def of(rows: list[dict[str, Any]], listener: str, period: str, *columns: str) -> list[tuple[Any, ...]]:
    wanted = [row for row in rows if (row["listener_id"], row["period"]) == (listener, period)]
    return [tuple(row[column] for column in columns) for row in wanted]


def test_of_tracks_that_tie_for_the_tenth_place_the_one_played_last_gets_it(rows: list[dict[str, Any]]) -> None:
    twice = [(n + 1, 1, f"twice-{n}", 2) for n in range(9)]
    table = of(rows, "tied", "all_time", "position", "rank", "track_id", "plays")
    assert table == [*twice, (10, 10, "once-2", 1)]


def test_a_listener_with_three_plays_has_a_table_of_two_rows(rows: list[dict[str, Any]]) -> None:
    assert [row for row in rows if row["listener_id"] == "three" and row["period"] == "last_7_days"] == [
        {
            "listener_id": "three",
            "period": "last_7_days",
            "rank": 1,
            "position": 1,
            "track_id": "b",
            "track_name": "b's name",
            "artist_name": "b's artist",
            "artist_names": "b's artist; another",
            "album_name": "b's album",
            "image_url": "https://i.scdn.co/image/b",
            "plays": 1,
            "minutes": 1.5,
            "first_played_at": "2026-11-22 09:58:00",
            "last_played_at": "2026-11-22 09:58:00",
            "previous_rank": None,
            "as_of": "2026-11-22 10:00:00",
            "computed_at": "2026-11-22 10:00:00",
            "run_id": "20261122T090000Z",
        },
        {
            "listener_id": "three",
            "period": "last_7_days",
            "rank": 1,
            "position": 2,
            "track_id": "a",
            "track_name": "a's name",
            "artist_name": "a's artist",
            "artist_names": "a's artist; another",
            "album_name": "a's album",
            "image_url": "https://i.scdn.co/image/a",
            "plays": 1,
            "minutes": 1.0,
            "first_played_at": "2026-11-22 09:59:00",
            "last_played_at": "2026-11-22 09:59:00",
            "previous_rank": None,
            "as_of": "2026-11-22 10:00:00",
            "computed_at": "2026-11-22 10:00:00",
            "run_id": "20261122T090000Z",
        },
    ]
    columns = ["position", "track_id", "plays", "minutes", "first_played_at"]
    month = [(1, "a", 2, 2.0, "2026-11-02 10:00:00"), (2, "b", 1, 1.5, "2026-11-22 09:58:00")]
    assert of(rows, "three", "last_28_days", *columns) == month
    assert of(rows, "three", "all_time", *columns) == month


def test_two_ids_with_one_isrc_are_one_recording_that_shows_the_id_played_last(rows: list[dict[str, Any]]) -> None:
    columns = ["rank", "track_id", "track_name", "plays", "minutes", "previous_rank"]
    assert of(rows, "two-ids", "last_7_days", *columns) == [
        (1, "single", "single's name", 2, 2.0, 1),
        (2, "rival", "rival's name", 1, 1.0, 1),
    ]
    assert of(rows, "two-ids", "all_time", *columns) == [
        (1, "single", "single's name", 3, 2.75, None),
        (2, "rival", "rival's name", 2, 2.0, None),
    ]


def test_plays_with_the_required_columns_alone_and_plays_stored_twice_make_one_honest_row(
    rows: list[dict[str, Any]],
) -> None:
    columns = ["rank", "track_id", "track_name", "image_url", "plays", "minutes", "last_played_at"]
    assert of(rows, "bare", "last_365_days", *columns) == [(1, "x", None, None, 2, 0.0, "2026-11-22 09:58:00")]


def test_a_listener_of_whose_plays_none_counts_has_no_rows(rows: list[dict[str, Any]]) -> None:
    assert {row["listener_id"] for row in rows} == LISTENERS.keys() - {"only-short"}


def test_plays_on_the_edges_of_a_week_are_in_it_or_in_the_week_before_or_in_neither(rows: list[dict[str, Any]]) -> None:
    columns = ["rank", "track_id", "plays", "previous_rank"]
    assert of(rows, "edges", "last_7_days", *columns) == [(1, "now", 1, None)]
    assert of(rows, "edges", "last_28_days", *columns) == [(1, "now", 2, None), (2, "before", 1, None)]


def test_no_plays_give_an_empty_table_and_no_error(spark: SparkSession) -> None:
    assert rows_of(top_tracks(summaries_frame(spark, []), BATCH)) == []
