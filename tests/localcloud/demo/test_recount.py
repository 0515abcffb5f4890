"""The demo's second opinion, against figures written by hand."""

from datetime import UTC, datetime, timedelta

from localcloud.demo.recount import differing_tracks, top_tracks, tracks

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


def test_an_export_counts_from_thirty_seconds_on_and_with_what_was_played():
    plays = [
        play(1, "long", source="export", ms_played=30_000),
        play(2, "skipped", source="export", ms_played=29_999),
        play(3, "skipped", ms_played=29_999),
    ]
    assert short(top_tracks(plays, AS_OF), "last_7_days") == [(1, 1, "long", 1, 0.5, None)]


def test_no_more_than_ten_rows_and_the_tie_shows_in_the_rank():
    plays = [play(1, f"track-{number:02}") for number in range(12)]
    rows = short(top_tracks(plays, AS_OF), "last_7_days")
    assert [row[:3] for row in rows] == [(n + 1, 1, f"track-{n:02}") for n in range(10)]


TOLD_OF_A_TRACK = dict.fromkeys(
    ("artist_id", "album_id", "album_release_date", "explicit", "popularity", "danceability", "energy", "speechiness",
     "acousticness", "instrumentalness", "liveness", "valence", "tempo", "features_source")
)  # fmt: skip


def test_a_track_has_the_values_of_the_newest_play_of_those_that_know_most():
    plays = [
        play(1, "a", **TOLD_OF_A_TRACK | {"source": "export", "track_name": "Export"}),
        play(2, "a", **TOLD_OF_A_TRACK | {"track_name": "Without features"}),
        play(3, "a", **TOLD_OF_A_TRACK | {"track_name": "Told", "energy": 0.5, "isrc": "NEW"}),
        play(4, "a", **TOLD_OF_A_TRACK | {"track_name": "Old", "energy": 0.4, "isrc": "OLD"}),
        play(-1, "late", **TOLD_OF_A_TRACK),
    ]
    [row] = tracks(plays, AS_OF)
    assert (row["track_name"], row["energy"], row["isrc"], row["source"]) == ("Told", 0.5, "NEW", "api")
    assert row["last_played_at"] == AS_OF - timedelta(days=1)


def test_rows_that_are_missing_too_many_or_other_are_named_and_the_run_makes_no_difference():
    plays = [play(1, name, **TOLD_OF_A_TRACK) for name in ("good", "missing", "other")]
    good, _, other = tracks(plays, AS_OF)
    found = [good | {"run_id": "x"}, other | {"track_name": "?"}, good | {"track_id": "many"}]
    assert differing_tracks(found, plays, AS_OF) == [("ada", "many"), ("ada", "missing"), ("ada", "other")]
    assert differing_tracks([row | {"run_id": "y"} for row in tracks(plays, AS_OF)], plays, AS_OF) == []
