"""Each step of the job by itself, on frames written by hand."""

from datetime import timedelta
from typing import Any

import pyspark.sql.functions as F  # noqa: N812
import pytest
from pyspark.sql import SparkSession

from spark_jobs.top_tracks import COUNTED, SHOWN, first_ten, once, tally
from tests.spark_jobs.frames import bare_play, play, plays_frame, rows_of, summaries_frame, text

pytestmark = pytest.mark.spark

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def test_plays_are_moved_once_and_sorted_once(spark: SparkSession) -> None:
    plan = summaries_frame(spark, [play("a"), play("b")])._jdf.queryExecution().executedPlan().toString()
    steps = [line.lstrip(" :+-*()0123456789").partition(" ")[0] for line in plan.splitlines()]
    assert [step for step in steps if step in ("Exchange", "Sort", "Window")] == ["Window", "Sort", "Exchange"]


def test_a_play_counts_when_it_took_30_seconds_or_only_the_api_lists_it(
    spark: SparkSession,
) -> None:
    plays = [
        play("api"),
        play("api"),
        bare_play("api-without-anything"),
        play("api-short", ms_played=29_999),
        play("api-enough", ms_played=30_000),
        play("export-short", source="export", ms_played=29_999),
        play("export-enough", source="export", ms_played=30_000),
        bare_play("export-unknown", source="export"),
        play("at-as-of", timedelta(0)),
        play("after-as-of", -timedelta(milliseconds=1)),
    ]
    summaries = summaries_frame(spark, plays).sort("track_id")
    counted = rows_of(summaries.where("last IS NOT NULL"), "track_id", "all_time.plays")
    assert [tuple(row.values()) for row in counted] == [
        ("api", 1),
        ("api-enough", 1),
        ("api-without-anything", 1),
        ("at-as-of", 1),
        ("export-enough", 1),
    ]
    shown = [tuple(row.values()) for row in rows_of(summaries, "track_id", "is_past", "plays_read")]
    assert shown == sorted((track, track != "after-as-of", 1) for track in {row["track_id"] for row in plays})


def test_a_play_that_is_stored_twice_is_one_play_whichever_row_comes_first(spark: SparkSession) -> None:
    plays = [
        play("twice"),
        play("twice"),
        play("has-more", ms_played=None, track_name=None),
        play("has-more", ms_played=50_000, track_name="A name"),
        play("one-counts", ms_played=50_000, track_name=""),
        play("one-counts", ms_played=20_000, track_name="Z"),
        play("more-popular", popularity=1),
        play("more-popular", popularity=2),
        bare_play("bare"),
        bare_play("bare"),
        play("twice", 2 * SECOND),
        play("twice", listener_id="ben"),
    ]

    def kept(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        marked = once(plays_frame(spark, rows).withColumn("is_past", F.lit(True))).where("is_first")
        return rows_of(
            marked.sort("track_id", "played_at", "listener_id"),
            *("listener_id", "played_at", "track_id", *COUNTED, "popularity"),
        )

    expected = [
        bare_play("bare"),
        play("has-more", ms_played=50_000, track_name="A name"),
        play("more-popular", popularity=2),
        play("one-counts", ms_played=50_000, track_name=""),
        play("twice"),
        play("twice", listener_id="ben"),
        play("twice", 2 * SECOND),
    ]
    assert kept(plays) == [{"popularity": None, **row, "played_at": text(row["played_at"])} for row in expected]
    assert kept(plays[::-1]) == kept(plays)


def test_a_recording_is_the_newest_isrc_of_the_track_also_for_plays_that_have_none(spark: SparkSession) -> None:
    plays = [
        play("known", 3 * DAY, isrc="GBAAA2100001"),
        bare_play("known", 2 * DAY),
        play("known", 1 * DAY, isrc=""),
        play("other-id", isrc="GBAAA2100001"),
        play("other-id", isrc="GBAAA2100001"),
        play("corrected", 2 * DAY, isrc="ZZOLD0000001"),
        play("corrected", 1 * DAY, isrc="AANEW0000001"),
        play("corrected", isrc="ZZSHORT00001", ms_played=1),
        bare_play("never-known"),
        play("empty", isrc=""),
        bare_play("known", listener_id="ben"),
    ]
    summaries = summaries_frame(spark, plays).sort("listener_id", "track_id")
    assert [tuple(row.values()) for row in rows_of(summaries, "listener_id", "track_id", "recording")] == [
        ("ada", "corrected", "AANEW0000001"),
        ("ada", "empty", "empty"),
        ("ada", "known", "GBAAA2100001"),
        ("ada", "never-known", "never-known"),
        ("ada", "other-id", "GBAAA2100001"),
        ("ben", "known", "known"),
    ]


def test_each_name_of_a_recording_is_that_of_the_newest_play_that_has_it(spark: SparkSession) -> None:
    code = {"isrc": "GBAAA2100001"}
    emptied = {"track_name": "", "artist_name": "", "artist_names": None, "album_name": "", "image_url": None}
    plays = [
        play("old", 40 * DAY, **code),
        play("old", 39 * DAY, **code, track_name="Newest title", image_url=None),
        play("old", 38 * DAY, **code, **emptied),
        play("relinked", 1 * DAY, **code, **emptied),
        play("relinked", 1 * SECOND, **code, ms_played=1, track_name="Not counted"),
        play("other", **emptied),
        play("old", listener_id="ben", **code, **emptied),
    ]
    # Of a period in which the id that has the names was not played.
    tallies = tally(summaries_frame(spark, plays)).where("period = 'last_7_days'").sort("listener_id", "recording")
    assert [tuple(row.values()) for row in rows_of(tallies, "listener_id", "last.track_id", *SHOWN)] == [
        (
            "ada",
            "relinked",
            "Newest title",
            "old's artist",
            "old's artist; another",
            "old's album",
            "https://i.scdn.co/image/old",
        ),
        ("ada", "other", None, None, None, None, None),
        ("ben", "old", None, None, None, None, None),
    ]


def test_a_play_on_the_border_of_two_periods_belongs_to_the_earlier_one(spark: SparkSession) -> None:
    memberships = {
        timedelta(0): ["all_time", "last_28_days", "last_365_days", "last_7_days"],
        7 * DAY - SECOND: ["all_time", "last_28_days", "last_365_days", "last_7_days"],
        7 * DAY: ["all_time", "before last_7_days", "last_28_days", "last_365_days"],
        14 * DAY - SECOND: ["all_time", "before last_7_days", "last_28_days", "last_365_days"],
        14 * DAY: ["all_time", "last_28_days", "last_365_days"],
        28 * DAY: ["all_time", "before last_28_days", "last_365_days"],
        56 * DAY - SECOND: ["all_time", "before last_28_days", "last_365_days"],
        56 * DAY: ["all_time", "last_365_days"],
        365 * DAY: ["all_time", "before last_365_days"],
        730 * DAY: ["all_time"],
    }
    plays = [play(str(ago), ago) for ago in memberships] + [bare_play("bare", 7 * DAY), bare_play("bare", 7 * DAY)]
    found: dict[str, list[str]] = {}
    for row in rows_of(tally(summaries_frame(spark, plays)), "recording", "period", "plays", "plays_before"):
        assert (row["plays"], row["plays_before"]) in {(1, 0), (0, 1)}
        name = row["period"] if row["plays"] else f"before {row['period']}"
        found.setdefault(row["recording"], []).append(name)
    assert {track: sorted(names) for track, names in found.items()} == {
        **{str(ago): names for ago, names in memberships.items()},
        "bare": memberships[7 * DAY],
    }


def test_a_tally_adds_up_plays_and_time_played_and_shows_the_track_played_last(spark: SparkSession) -> None:
    album, single = {"isrc": "GBAAA2100001"}, {"isrc": "GBAAA2100001", "track_name": "The single"}
    plays = [
        play("album", 30 * DAY, **album),
        play("album", 3 * SECOND, **album),
        play("album", 2 * SECOND, **album, ms_played=30_000),
        play("single", 1 * SECOND, **single, duration_ms=None),
        bare_play("bare", 5 * SECOND),
        bare_play("bare", 5 * SECOND),
    ]
    tallies = tally(summaries_frame(spark, plays)).where("period = 'last_28_days'").sort("recording")
    figures = ["recording", "plays", "plays_before", "listened_ms", "first_played_at"]
    shown = ["last.played_at", "last.track_id", "track_name"]
    assert [tuple(row.values()) for row in rows_of(tallies, *figures, *shown)] == [
        ("GBAAA2100001", 3, 1, 90_000, "2026-11-22 09:59:57", "2026-11-22 09:59:59", "single", "The single"),
        ("bare", 1, 0, 0, "2026-11-22 09:59:55", "2026-11-22 09:59:55", "bare", None),
    ]


def ranked(spark: SparkSession, *rows: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """The first ten of these tallies: listener, period, recording, plays, plays_before, listened_ms, last play, track.

    Each as listener, period, recording, position, rank and previous rank.
    """
    columns = "listener_id string, period string, recording string, plays long, plays_before long, listened_ms long"
    frame = spark.createDataFrame(rows, f"{columns}, played_at string, track_id string")
    last = F.struct(F.col("played_at").cast("timestamp").alias("played_at"), "track_id")
    first = first_ten(frame.withColumn("last", last).drop("played_at", "track_id"))
    shown = ["listener_id", "period", "recording", "position", "rank", "previous_rank"]
    return [tuple(row.values()) for row in rows_of(first.sort("listener_id", "period", "position"), *shown)]


def test_equal_plays_share_a_rank_and_positions_are_decided_by_time_played_then_recency_then_track_id(
    spark: SparkSession,
) -> None:
    week = ("ada", "last_7_days")
    assert ranked(
        spark,
        (*week, "played-less", 2, 0, 100, "2026-11-22", "a"),
        (*week, "most-plays", 3, 0, 0, "2026-11-01", "z"),
        (*week, "later-id", 2, 0, 200, "2026-11-21", "b"),
        (*week, "earlier-id", 2, 0, 200, "2026-11-21", "a"),
        (*week, "recent", 2, 0, 200, "2026-11-22", "c"),
        (*week, "unplayed", 1, 0, 0, "2026-11-22", "y"),
    ) == [
        (*week, "most-plays", 1, 1, None),
        (*week, "recent", 2, 2, None),
        (*week, "earlier-id", 3, 2, None),
        (*week, "later-id", 4, 2, None),
        (*week, "played-less", 5, 2, None),
        (*week, "unplayed", 6, 6, None),
    ]


def test_the_first_ten_of_a_period_learn_their_rank_in_the_one_before_even_when_it_was_past_the_tenth(
    spark: SparkSession,
) -> None:
    week, last = ("ada", "last_7_days"), (0, "2026-11-22", "a")
    # Eleven of this week; the one with the fewest plays is not among the ten, but was among those before.
    now = [(*week, f"r{number}", 20 - number, number % 2, *last) for number in range(11)]
    only_before = [(*week, "gone", 0, 2, None, "2026-11-10", "a"), (*week, "gone-too", 0, 9, None, "2026-11-10", "a")]
    others = [("ada", "last_28_days", "r0", 1, 0, *last), ("ben", "last_7_days", "r0", 1, 7, *last)]
    assert ranked(spark, *now, *only_before, *others) == [
        ("ada", "last_28_days", "r0", 1, 1, None),
        *[(*week, f"r{number}", number + 1, number + 1, 3 if number % 2 else None) for number in range(10)],
        ("ben", "last_7_days", "r0", 1, 1, 1),
    ]
