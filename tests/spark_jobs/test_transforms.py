"""Each step of the job by itself, on plays written by hand."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from spark_jobs import top_tracks
from spark_jobs.top_tracks import PLAY_COLUMNS, SHOWN, found_in, once, periods, ranks, whole_listeners
from tests.spark_jobs.frames import AS_OF, bare_play, found_frame, play, plays_table, top_rows

pytestmark = pytest.mark.spark

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def test_plays_are_moved_once_and_sorted_once(spark: SparkSession) -> None:
    plan = found_frame(spark, [play("a"), play("b")])._jdf.queryExecution().executedPlan().toString()
    steps = [line.lstrip(" :+-*()0123456789").partition(" ")[0] for line in plan.splitlines()]
    assert [step for step in steps if step in ("Exchange", "Sort", "Window")] == ["Sort", "Exchange"]


@pytest.mark.parametrize(
    ("rows_in_batch", "together"),
    [
        (1, [["ada"], ["ben"], ["cleo", "dora"], ["elf"]]),
        (3, [["ada"], ["ben", "cleo"], ["dora"], ["elf"]]),
        (100, [["ada", "ben", "cleo", "dora"], ["elf"]]),
    ],
)
def test_all_plays_of_a_listener_are_computed_together(
    monkeypatch: pytest.MonkeyPatch, rows_in_batch: int, together: list[list[str]]
) -> None:
    monkeypatch.setattr(top_tracks, "PLAYS_AT_ONCE", 4)
    lengths = {"ada": 1, "ben": 9, "cleo": 1, "dora": 2, "elf": 5}
    plays = [play("t", n * SECOND, listener_id=who) for who, length in lengths.items() for n in range(length)]
    table = plays_table(plays)
    found = list(whole_listeners(table.to_batches(max_chunksize=rows_in_batch)))
    assert pa.concat_tables(found) == table
    assert [sorted(set(each["listener_id"].to_pylist())) for each in found] == together


def test_a_play_counts_when_it_took_30_seconds_or_only_the_api_lists_it() -> None:
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
    counted = top_rows(plays, "all_time", "track_id", "plays")
    assert sorted(counted) == [
        ("api", 1),
        ("api-enough", 1),
        ("api-without-anything", 1),
        ("at-as-of", 1),
        ("export-enough", 1),
    ]
    [read, listed, *_] = found_in(plays_table(plays), AS_OF)
    assert read["plays_read"].to_pylist() == [9]
    assert set(listed["track_id"].to_pylist()) == {row["track_id"] for row in plays} - {"after-as-of"}


def test_a_play_that_is_stored_twice_is_one_play_whichever_row_comes_first() -> None:
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
    expected = [
        bare_play("bare"),
        play("has-more", ms_played=50_000, track_name="A name"),
        play("more-popular", popularity=2),
        play("one-counts", ms_played=50_000, track_name=""),
        play("twice"),
        play("twice", 2 * SECOND),
        play("twice", listener_id="ben"),
    ]
    for rows in (plays, plays[::-1]):
        kept = once(plays_table(rows))
        assert kept.select(PLAY_COLUMNS) == plays_table(expected)
        assert kept["counts"].to_pylist() == [True] * len(expected)


def test_a_recording_is_the_newest_isrc_of_the_track_also_for_plays_that_have_none() -> None:
    plays = [
        play("known", 3 * DAY, isrc="GBAAA2100001"),
        bare_play("known", 2 * DAY),
        play("known", 1 * DAY, isrc=""),
        play("other-id", isrc="GBAAA2100001"),
        play("other-id", isrc="GBAAA2100001"),
        play("corrected", 2 * DAY, isrc="ZZOLD0000001"),
        play("corrected", 1 * DAY, isrc="AANEW0000001"),
        play("corrected", isrc="ZZSHORT00001", ms_played=1),
        play("as-corrected", 5 * DAY, isrc="AANEW0000001"),
        play("as-before", 5 * DAY, isrc="ZZOLD0000001"),
        play("as-short", 6 * DAY, isrc="ZZSHORT00001"),
        bare_play("never-known", 7 * DAY),
        play("empty", 8 * DAY, isrc=""),
        bare_play("known", listener_id="ben"),
    ]
    assert top_rows(plays, "all_time", "listener_id", "track_id", "plays") == [
        ("ada", "other-id", 4),
        ("ada", "corrected", 3),
        ("ada", "as-before", 1),
        ("ada", "as-short", 1),
        ("ada", "empty", 1),
        ("ada", "never-known", 1),
        ("ben", "known", 1),
    ]


def test_each_name_of_a_recording_is_that_of_the_newest_play_that_has_it() -> None:
    code = {"isrc": "GBAAA2100001"}
    emptied = {"track_name": "", "artist_name": "", "artist_names": None, "album_name": "", "image_url": None}
    plays = [
        play("old", 40 * DAY, **code),
        play("old", 39 * DAY, **code, track_name="Newest title", image_url=None),
        play("old", 38 * DAY, **code, **emptied),
        play("relinked", 1 * DAY, **code, **emptied),
        play("relinked", 1 * SECOND, **code, ms_played=1, track_name="Not counted"),
        play("other", 2 * DAY, **emptied),
        play("old", listener_id="ben", **code, **emptied),
    ]
    # Of a period in which the id that has the names was not played.
    assert top_rows(plays, "last_7_days", "listener_id", "track_id", *SHOWN) == [
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


def test_a_play_on_the_border_of_two_periods_belongs_to_the_earlier_one() -> None:
    memberships = {
        timedelta(0): ["all_time", "last_7_days", "last_28_days", "last_365_days"],
        7 * DAY - SECOND: ["all_time", "last_7_days", "last_28_days", "last_365_days"],
        7 * DAY: ["all_time", "before last_7_days", "last_28_days", "last_365_days"],
        14 * DAY - SECOND: ["all_time", "before last_7_days", "last_28_days", "last_365_days"],
        14 * DAY: ["all_time", "last_28_days", "last_365_days"],
        28 * DAY: ["all_time", "before last_28_days", "last_365_days"],
        56 * DAY - SECOND: ["all_time", "before last_28_days", "last_365_days"],
        56 * DAY: ["all_time", "last_365_days"],
        365 * DAY: ["all_time", "before last_365_days"],
        730 * DAY: ["all_time"],
    }
    played_at = plays_table([play("t", ago) for ago in memberships])["played_at"].to_numpy()
    found: list[list[str]] = [[] for _ in memberships]
    for period, within, before in periods(played_at, AS_OF):
        for name, members in ((period, within), (f"before {period}", before)):
            for place in np.flatnonzero(members):
                found[place].append(name)
    assert found == list(memberships.values())


def test_a_row_adds_up_plays_and_time_played_and_shows_the_track_played_last() -> None:
    album, single = {"isrc": "GBAAA2100001"}, {"isrc": "GBAAA2100001", "track_name": "The single"}
    plays = [
        play("album", 30 * DAY, **album),
        play("album", 3 * SECOND, **album),
        play("album", 2 * SECOND, **album, ms_played=30_000),
        play("single", 1 * SECOND, **single, duration_ms=None),
        bare_play("bare", 5 * SECOND),
        bare_play("bare", 5 * SECOND),
    ]
    columns = ["track_id", "track_name", "plays", "listened_ms", "first_played_at", "last_played_at", "previous_rank"]
    assert top_rows(plays, "last_28_days", *columns) == [
        ("single", "The single", 3, 90_000, AS_OF - 3 * SECOND, AS_OF - SECOND, 1),
        ("bare", None, 1, 0, AS_OF - 5 * SECOND, AS_OF - 5 * SECOND, None),
    ]


def test_equal_plays_share_a_rank_and_positions_are_decided_by_time_played_then_recency_then_track_id() -> None:
    plays = [
        *[play(track, n * DAY) for track in ("played-less", "most-plays") for n in (1, 2)],
        play("most-plays", 3 * DAY, ms_played=30_000),
        play("most-plays", 4 * DAY, ms_played=30_000),
        *[play(track, n * DAY, ms_played=70_000) for track in ("later-id", "earlier-id") for n in (2, 3)],
        *[play("recent", n * DAY, ms_played=70_000) for n in (1, 3)],
        play("once"),
    ]
    assert top_rows(plays, "last_7_days", "track_id", "position", "rank") == [
        ("most-plays", 1, 1),
        ("recent", 2, 2),
        ("earlier-id", 3, 2),
        ("later-id", 4, 2),
        ("played-less", 5, 2),
        ("once", 6, 6),
    ]


def test_positions_and_ranks_begin_anew_with_each_listener() -> None:
    listener, value, then = (
        np.array(column) for column in zip((1, 5, 0), (2, 7, 1), (1, 5, 3), (2, 9, 0), (1, 6, 0), strict=True)
    )
    position, rank = ranks(listener, value, then)
    assert position.tolist() == [3, 2, 2, 1, 1]
    assert rank.tolist() == [2, 2, 2, 1, 1]


def test_the_first_ten_of_a_period_learn_their_rank_in_the_one_before_even_when_it_was_past_the_tenth() -> None:
    # Eleven of this week, of which the odd ones were played in the week before, and 14 others were played more
    now = [play(f"r{n:02}", timedelta(hours=again)) for n in range(11) for again in range(1, 21 - n)]
    before = [play(f"r{n:02}", 8 * DAY) for n in range(1, 11, 2)]
    before += [play(f"gone-{n:02}", 8 * DAY + again * SECOND) for n in range(14) for again in range(2)]
    plays = [*now, *before, play("r00", 8 * DAY, listener_id="ben"), play("r00", listener_id="ben")]
    assert top_rows(plays, "last_7_days", "listener_id", "track_id", "position", "rank", "previous_rank") == [
        *[("ada", f"r{n:02}", n + 1, n + 1, 15 if n % 2 else None) for n in range(10)],
        ("ben", "r00", 1, 1, 1),
    ]
