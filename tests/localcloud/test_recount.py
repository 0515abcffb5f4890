"""The demo's second opinion, against figures written by hand."""

from datetime import UTC, datetime, timedelta

from localcloud.recount import top_tracks

AS_OF = datetime(2026, 11, 22, 10, tzinfo=UTC)


def play(days_ago, track, **values):
    return {
        "listener_id": "ada",
        "played_at": AS_OF - timedelta(days=days_ago),
        "track_id": track,
        "track_name": track.upper(),
        "artist_name": "Somebody",
        "artist_names": "Somebody",
        "album_name": "Something",
        "image_url": None,
        "isrc": None,
        "duration_ms": 60_000,
        "ms_played": None,
        "source": "api",
        **values,
    }


def short(rows, period):
    names = ("position", "rank", "track_id", "plays", "minutes", "previous_rank")
    return [tuple(row[name] for name in names) for row in rows if row["period"] == period]


def test_plays_decide_then_minutes_then_the_latest_play_then_the_track_id():
    plays = [
        *(play(day, "b") for day in (1, 2)),
        *(play(day, "a", duration_ms=90_000) for day in (3, 4)),
        play(5, "d"),
        play(5, "c"),
        play(4, "e"),
    ]
    assert short(top_tracks(plays, AS_OF), "all_time") == [
        (1, 1, "a", 2, 3.0, None),
        (2, 1, "b", 2, 2.0, None),
        (3, 3, "e", 1, 1.0, None),
        (4, 3, "c", 1, 1.0, None),
        (5, 3, "d", 1, 1.0, None),
    ]


def test_a_period_ends_with_as_of_and_begins_just_after_its_edge():
    plays = [play(0, "in"), play(7, "edge"), play(6.9, "in"), play(-0.1, "later"), play(13, "in")]
    assert short(top_tracks(plays, AS_OF), "last_7_days") == [(1, 1, "in", 2, 2.0, 1)]


def test_two_ids_with_one_isrc_are_one_recording_shown_as_played_last():
    plays = [play(3, "old", isrc="XX1"), play(2, "new", isrc="XX1"), play(1, "other")]
    assert short(top_tracks(plays, AS_OF), "last_7_days") == [
        (1, 1, "new", 2, 2.0, None),
        (2, 2, "other", 1, 1.0, None),
    ]


def test_an_export_counts_from_thirty_seconds_on_and_with_what_was_heard():
    plays = [
        play(1, "long", source="export", ms_played=30_000),
        play(2, "skipped", source="export", ms_played=29_999),
    ]
    assert short(top_tracks(plays, AS_OF), "last_7_days") == [(1, 1, "long", 1, 0.5, None)]


def test_no_more_than_ten_rows_and_the_tie_shows_in_the_rank():
    plays = [play(1, f"track-{number:02}") for number in range(12)]
    rows = short(top_tracks(plays, AS_OF), "last_7_days")
    assert [row[:3] for row in rows] == [(n + 1, 1, f"track-{n:02}") for n in range(10)]
