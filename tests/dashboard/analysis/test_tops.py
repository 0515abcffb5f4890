"""Favourites: ranks and moves, what is one recording or one artist, and Spark's top ten."""

from datetime import date

import pandas as pd

from analysis import tops, totals
from analysis.periods import custom_period, within
from tests.dashboard.invented.history import NOVEMBER, NOW, history_of, play, track


def test_equal_counts_share_a_rank_and_the_next_is_skipped():
    plays = [play(f"2026-11-0{n} 10:00", track_id) for n, track_id in enumerate("aabbcddd", start=1)]
    history = history_of(plays)
    rows = tops.top(history, history.local("UTC"), "Tracks", "Plays", limit=3)
    assert rows[["key", "rank", "is_tied"]].values.tolist() == [["d", 1, False], ["b", 2, True], ["a", 2, True]]
    assert (rows.attrs["tied_beyond"], rows.attrs["total"]) == (0, 4)
    two = tops.top(history, history.local("UTC"), "Tracks", "Plays", limit=2)
    assert two.attrs["tied_beyond"] == 1
    assert two["is_tied"].tolist() == [False, True]


def test_what_is_equal_in_everything_stands_in_the_order_of_track_ids():
    history = history_of([play("2026-11-01 10:00", track_id) for track_id in "cab"])
    for by in ("Plays", "Minutes"):
        rows = tops.top(history, history.local("UTC"), "Tracks", by)
        assert rows[["key", "rank"]].values.tolist() == [["a", 1], ["b", 1], ["c", 1]]


def test_moves_tell_places_won_and_what_is_new():
    now = [play(f"2026-11-1{n} 10:00", track_id) for n, track_id in enumerate("aaabbc")]
    before = [play(f"2026-10-1{n} 10:00", track_id) for n, track_id in enumerate("bba")]
    history = history_of([*now, *before])
    local = history.local("UTC")
    plays, earlier = (
        within(local, NOVEMBER),
        within(local, custom_period(date(2026, 10, 1), date(2026, 10, 31), "UTC", NOW)),
    )
    rows = tops.top(history, plays, "Tracks", "Plays", earlier)
    assert rows["key"].tolist() == ["a", "b", "c"]
    assert rows["previous_rank"].tolist() == [2, 1, pd.NA]
    assert rows["move"].tolist() == [1, -1, pd.NA]


def test_two_ids_with_one_isrc_are_one_recording_and_the_id_played_last_is_shown():
    tracks = [track("a", isrc="ONE", track_name="Old"), track("b", isrc="ONE", track_name="New", album_id="best of")]
    history = history_of(
        [play("2026-11-01 10:00", "a"), play("2026-11-02 10:00", "b"), play("2026-11-02 09:00", "a")], tracks
    )
    local = history.local("UTC")
    rows = tops.top(history, local, "Tracks", "Plays")
    assert rows[["key", "name", "plays"]].values.tolist() == [["b", "New", 3]]
    albums = tops.top(history, local, "Albums", "Plays")
    assert albums[["key", "plays"]].values.tolist() == [["dawn", 2], ["best of", 1]]
    assert totals.totals(history, local, NOVEMBER).tracks == 1


def test_every_credited_artist_gets_the_play_under_one_key():
    tracks = [
        track("a", artist_names="Ada; Bo"),
        track("b", artist_id="bo", artist_name="Bo", artist_names="Bo; Guest"),
        track("c", artist_id=None, artist_name="Bo", artist_names="Bo", album_id=None),
    ]
    history = history_of([play(f"2026-11-0{n} 10:00", track_id) for n, track_id in enumerate("abc", start=1)], tracks)
    rows = tops.top(history, history.local("UTC"), "Artists", "Plays")
    assert rows[["key", "name", "plays", "rank"]].values.tolist() == [
        ["bo", "Bo", 3, 1],
        ["name:Guest", "Guest", 1, 2],
        ["ada", "Ada", 1, 2],
    ]
    links = rows["spotify_url"].fillna("").tolist()
    assert links == ["https://open.spotify.com/artist/bo", "", "https://open.spotify.com/artist/ada"]


def test_shares_are_of_everything_that_was_played():
    history = history_of([play("2026-11-01 10:00", "a"), play("2026-11-02 10:00", "b", ms_played=540_000)])
    rows = tops.top(history, history.local("UTC"), "Tracks", "Minutes", limit=1)
    assert rows[["key", "minutes", "share"]].values.tolist() == [["b", 9.0, 0.75]]


def test_sparks_rows_keep_their_ranks_and_lead_to_the_apps_pages():
    history = history_of([play("2026-11-01 10:00", "a")])
    usual = {"period": "last_7_days", "rank": 1, "artist_name": "Ada", "artist_names": "Ada; Bo", "previous_rank": None}
    a = usual | {"track_id": "a", "track_name": "Song a"}
    gone = usual | {"track_id": "gone", "track_name": "Gone", "artist_name": "Cy", "artist_names": None}
    listed = [a | {"position": 1, "previous_rank": 4}, gone | {"position": 2}]
    spark = pd.DataFrame([*listed, a | {"position": 1, "period": "all_time"}])
    rows = tops.from_spark(history, spark, "last_7_days")
    assert rows[["key", "name", "rank", "is_tied"]].values.tolist() == [
        ["a", "Song a", 1, True],
        ["gone", "Gone", 1, True],
    ]
    assert rows["artist_name"].tolist() == ["Ada; Bo", "Cy"], "as the app's own lists name them"
    assert rows["move"].tolist() == [3, pd.NA]
    assert rows["artist_key"].iloc[0] == "ada"


def test_a_rank_that_sparks_last_row_shares_only_with_what_it_leaves_out_is_shared():
    """Twelve tracks: two plays of each of the first nine, one of each of the other three."""
    played = [f"t{n:02}" for n in [*range(12), *range(9)]]
    history = history_of([play(f"2026-11-20 10:{n:02}", track_id) for n, track_id in enumerate(played)])
    counted = tops.top(history, history.local("UTC"), "Tracks", "Plays")
    names = {"track_id": counted["key"], "track_name": "x", "artist_name": "x", "artist_names": "x"}
    spark = counted.assign(period="all_time", as_of=NOW, position=counted.index, **names)
    rows = tops.from_spark(history, spark, "all_time")
    assert rows["is_tied"].tolist() == counted["is_tied"].tolist() == [True] * 10
    assert rows.attrs["tied_beyond"] == 2


def test_an_id_is_escaped_in_a_link_to_spotify():
    assert tops.spotify_url("track", "a/../b?c") == "https://open.spotify.com/track/a%2F..%2Fb%3Fc"
    assert tops.spotify_url("artist", None) is None


def test_tracks_and_albums_have_covers_and_artists_have_none():
    history = history_of([play("2026-11-01 10:00", "a")], [track("a", image_url="https://i.scdn.co/image/a")])
    shown = [tops.top(history, history.local("UTC"), kind, "Plays")["image_url"].tolist() for kind in tops.KINDS]
    assert shown == [["https://i.scdn.co/image/a"], [None], ["https://i.scdn.co/image/a"]]
