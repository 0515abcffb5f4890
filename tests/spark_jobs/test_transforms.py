"""Each step of the job by itself, on frames written by hand."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

import pyspark.sql.functions as F  # noqa: N812
import pytest
from pyspark.sql import DataFrame, SparkSession

from spark_jobs import top_tracks
from tests.spark_jobs.frames import AS_OF, bare_play, play, plays_frame, rows_of, text

pytestmark = pytest.mark.spark

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def test_a_play_counts_when_it_was_heard_for_30_seconds_or_nothing_but_the_api_tells_of_it(
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
    counted = top_tracks.counting(plays_frame(spark, plays), AS_OF)
    assert rows_of(counted, "track_id") == [
        {"track_id": track}
        for track in ["api", "api", "api-without-anything", "api-enough", "export-enough", "at-as-of"]
    ]


def test_a_play_that_is_stored_twice_is_one_play_whichever_row_comes_first(spark: SparkSession) -> None:
    plays = [
        play("twice"),
        play("twice"),
        play("told-more", ms_played=None, track_name=None),
        play("told-more", ms_played=50_000, track_name="A name"),
        bare_play("bare"),
        bare_play("bare"),
        play("twice", 2 * SECOND),
        play("twice", listener_id="ben"),
    ]
    forwards = top_tracks.once(plays_frame(spark, plays)).sort("track_id", "played_at", "listener_id")
    backwards = top_tracks.once(plays_frame(spark, plays[::-1])).sort("track_id", "played_at", "listener_id")
    expected = [
        bare_play("bare"),
        play("told-more", ms_played=50_000, track_name="A name"),
        play("twice"),
        play("twice", listener_id="ben"),
        play("twice", 2 * SECOND),
    ]
    assert rows_of(forwards) == [{**row, "played_at": text(row["played_at"])} for row in expected]
    assert rows_of(backwards) == rows_of(forwards)


def test_a_recording_is_the_newest_isrc_told_of_the_track_also_for_plays_that_tell_none(spark: SparkSession) -> None:
    plays = [
        play("known", 3 * DAY, isrc="GBAAA2100001"),
        bare_play("known", 2 * DAY),
        play("known", 1 * DAY, isrc=""),
        play("other-id", isrc="GBAAA2100001"),
        play("other-id", isrc="GBAAA2100001"),
        play("corrected", 2 * DAY, isrc="ZZOLD0000001"),
        play("corrected", 1 * DAY, isrc="AANEW0000001"),
        bare_play("never-told"),
        play("empty", isrc=""),
        bare_play("known", listener_id="ben"),
    ]
    recordings = top_tracks.with_recording(plays_frame(spark, plays)).sort("listener_id", "track_id", "played_at")
    assert [tuple(row.values()) for row in rows_of(recordings, "listener_id", "track_id", "recording")] == [
        ("ada", "corrected", "AANEW0000001"),
        ("ada", "corrected", "AANEW0000001"),
        ("ada", "empty", "empty"),
        ("ada", "known", "GBAAA2100001"),
        ("ada", "known", "GBAAA2100001"),
        ("ada", "known", "GBAAA2100001"),
        ("ada", "never-told", "never-told"),
        ("ada", "other-id", "GBAAA2100001"),
        ("ada", "other-id", "GBAAA2100001"),
        ("ben", "known", "known"),
    ]


def test_what_a_play_does_not_tell_is_filled_from_the_newest_play_of_the_recording_that_tells_it(
    spark: SparkSession,
) -> None:
    code = {"isrc": "GBAAA2100001"}
    emptied = {"track_name": "", "artist_name": "", "artist_names": None, "album_name": "", "image_url": None}
    plays = [
        play("old", 4 * DAY, **code),
        play("old", 3 * DAY, **code, track_name="Newest title", image_url=None),
        play("old", 2 * DAY, **code, **emptied),
        play("relinked", 1 * DAY, **code, **emptied),
        play("other", **emptied),
        play("old", listener_id="ben", **code, **emptied),
    ]
    recordings = top_tracks.with_recording(plays_frame(spark, plays))
    named = top_tracks.with_names(recordings).sort("listener_id", "played_at")
    first = ("old's artist", "old's artist; another", "old's album", "https://i.scdn.co/image/old")
    assert [tuple(row.values()) for row in rows_of(named, "track_id", *top_tracks.SHOWN)] == [
        ("old", "old's name", *first),
        ("old", "Newest title", *first),
        ("old", "Newest title", *first),
        ("relinked", "Newest title", *first),
        ("other", None, None, None, None, None),
        ("old", None, None, None, None, None),
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
    plays = [play("track", ago) for ago in memberships] + [bare_play("bare", 7 * DAY), bare_play("bare", 7 * DAY)]
    repeated = top_tracks.in_periods(plays_frame(spark, plays), AS_OF)
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows_of(repeated, "track_id", "played_at", "period", "previous"):
        name = f"before {row['period']}" if row["previous"] else row["period"]
        found[row["track_id"], row["played_at"]].append(name)
    assert {key: sorted(names) for key, names in found.items()} == {
        **{("track", text(AS_OF - ago)): names for ago, names in memberships.items()},
        ("bare", text(AS_OF - 7 * DAY)): sorted(2 * memberships[7 * DAY]),
    }


def test_a_tally_adds_up_plays_and_time_heard_and_shows_the_track_heard_last(spark: SparkSession) -> None:
    album, single = {"isrc": "GBAAA2100001"}, {"isrc": "GBAAA2100001", "track_name": "The single"}
    plays = [
        play("album", 3 * SECOND, **album),
        play("album", 2 * SECOND, **album, ms_played=30_000),
        play("single", 1 * SECOND, **single, duration_ms=None),
        bare_play("bare", 5 * SECOND),
        bare_play("bare", 5 * SECOND),
    ]
    with_recording = top_tracks.with_recording(plays_frame(spark, plays))
    tallies = top_tracks.tally(top_tracks.in_periods(with_recording, AS_OF)).where("period = 'all_time'")
    shown = ["recording", "plays", "heard_ms", "first_played_at", "last.played_at", "last.track_id", "last.track_name"]
    assert [tuple(row.values()) for row in rows_of(tallies.sort("recording"), *shown)] == [
        ("GBAAA2100001", 3, 90_000, "2026-11-22 09:59:57", "2026-11-22 09:59:59", "single", "The single"),
        ("bare", 2, 0, "2026-11-22 09:59:55", "2026-11-22 09:59:55", "bare", None),
    ]


def tallies(spark: SparkSession, *rows: tuple[str, int, int, str, str]) -> DataFrame:
    """Recordings of one listener and period: recording, plays, heard_ms, last played_at and track_id."""
    frame = spark.createDataFrame(
        rows, "recording string, plays long, heard_ms long, played_at string, track_id string"
    )
    last = F.struct(F.col("played_at").cast("timestamp").alias("played_at"), "track_id")
    constants: list[Any] = [F.lit("ada").alias("listener_id"), F.lit("all_time").alias("period")]
    return frame.select(
        *constants, F.lit(False).alias("previous"), "recording", "plays", "heard_ms", last.alias("last")
    )


def test_equal_plays_share_a_rank_and_positions_are_decided_by_time_heard_then_recency_then_track_id(
    spark: SparkSession,
) -> None:
    frame = tallies(
        spark,
        ("heard-less", 2, 100, "2026-11-22", "a"),
        ("most-plays", 3, 0, "2026-11-01", "z"),
        ("later-id", 2, 200, "2026-11-21", "b"),
        ("earlier-id", 2, 200, "2026-11-21", "a"),
        ("recent", 2, 200, "2026-11-22", "c"),
        ("unheard", 1, 0, "2026-11-22", "y"),
    )
    ranked = top_tracks.ranked(frame).sort("position")
    assert [tuple(row.values()) for row in rows_of(ranked, "position", "rank", "recording")] == [
        (1, 1, "most-plays"),
        (2, 2, "recent"),
        (3, 2, "earlier-id"),
        (4, 2, "later-id"),
        (5, 2, "heard-less"),
        (6, 6, "unheard"),
    ]


def test_the_first_ten_of_a_period_learn_their_rank_in_the_one_before_even_when_it_was_past_the_tenth(
    spark: SparkSession,
) -> None:
    columns = "listener_id string, period string, previous boolean, recording string, position int, rank int"
    rows = [
        ("ada", "last_7_days", False, "tenth", 10, 9),
        ("ada", "last_7_days", False, "eleventh", 11, 9),
        ("ada", "last_7_days", False, "new", 1, 1),
        ("ada", "last_7_days", True, "tenth", 40, 31),
        ("ada", "last_7_days", True, "eleventh", 1, 1),
        ("ada", "last_28_days", True, "new", 2, 2),
        ("ben", "last_7_days", True, "new", 3, 3),
        ("ben", "all_time", False, "new", 3, 3),
    ]
    first_ten = top_tracks.with_previous_rank(spark.createDataFrame(rows, columns)).sort("listener_id", "position")
    shown = ["listener_id", "period", "recording", "position", "rank", "previous_rank"]
    assert [tuple(row.values()) for row in rows_of(first_ten, *shown)] == [
        ("ada", "last_7_days", "new", 1, 1, None),
        ("ada", "last_7_days", "tenth", 10, 9, 31),
        ("ben", "all_time", "new", 3, 3, None),
    ]
