"""What the page of one track, artist or album shows."""

import pandas as pd
import pytest

from analysis import items, tops
from tests.dashboard.invented.history import at, history_of, play, track


def test_an_item_knows_its_rank_its_neighbours_and_its_best_months():
    plays = [play(f"2026-{month:02}-0{n} 10:00", "b") for month, n in ((9, 1), (9, 2), (11, 1))]
    plays += [play(f"2026-11-1{n} 10:00", "a") for n in range(5)] + [play("2026-11-20 10:00", "c")]
    history = history_of(plays)
    found = items.item(history, history.local("UTC"), "Tracks", "b", "Plays")
    assert found is not None
    assert (found.name, found.rank, found.of, found.plays, found.artist_key, found.album_key) == (
        "Song b",
        2,
        3,
        3,
        "ada",
        "dawn",
    )
    assert found.neighbours["key"].tolist() == ["a", "b", "c"]
    assert found.months["value"].tolist() == [2.0, 0.0, 1.0]
    assert found.best_months["month_on"].tolist() == [pd.Timestamp("2026-09-01"), pd.Timestamp("2026-11-01")]
    assert found.first_played_at == at("2026-09-01 10:00")
    assert found.recent["wall"].iloc[0] == pd.Timestamp("2026-11-01 10:00")


def test_a_month_of_which_no_length_is_known_is_no_best_month_by_minutes():
    """Three minutes in January, none known in March, and no play in February."""
    plays = [play("2026-01-05 10:00", "a", ms_played=180_000), play("2026-03-05 10:00", "a")]
    history = history_of(plays, [track("a", duration_ms=None)])
    found = items.item(history, history.local("UTC"), "Tracks", "a", "Minutes")
    assert found is not None
    assert found.best_months.values.tolist() == [[pd.Timestamp("2026-01-01"), 3.0]]


def test_every_id_of_a_recording_leads_to_its_page():
    tracks = [track("a", isrc="ONE"), track("b", isrc="ONE")]
    history = history_of([play("2026-11-01 10:00", "a"), play("2026-11-02 10:00", "b")], tracks)
    by_old_id = items.item(history, history.local("UTC"), "Tracks", "a", "Plays")
    assert by_old_id is not None
    assert (by_old_id.key, by_old_id.plays) == ("b", 2)


@pytest.mark.parametrize("kind", tops.KINDS)
def test_an_unknown_item_is_no_item(kind: str):
    history = history_of([play("2026-11-01 10:00", "a")])
    assert items.item(history, history.local("UTC"), kind, "<script>", "Plays") is None


def test_artists_and_albums_have_pages_too():
    history = history_of([play("2026-11-01 10:00", "a"), play("2026-11-02 10:00", "b")])
    local = history.local("UTC")
    artist = items.item(history, local, "Artists", "ada", "Minutes")
    album = items.item(history, local, "Albums", "dawn", "Minutes")
    assert artist is not None
    assert album is not None
    assert (artist.name, artist.minutes, len(artist.tracks)) == ("Ada", 6.0, 2)
    assert (album.name, album.artist_name, album.spotify_url) == ("Dawn", "Ada", "https://open.spotify.com/album/dawn")
