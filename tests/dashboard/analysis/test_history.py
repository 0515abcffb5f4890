"""What a history knows of its plays: the share that is measured, the clocks of a few zones, its artists."""

from dataclasses import replace

import pandas as pd
import pytest

from analysis.history import measured_share
from tests.dashboard.invented.history import NOW, at, history_of, play, track


def test_the_share_of_measured_minutes_is_that_of_the_plays_given():
    plays = [play("2026-11-01 10:00", "a", source="export", ms_played=60_000), play("2026-11-02 10:00", "b")]
    history = history_of([*plays, play("2026-11-03 10:00", "c")], [track("c", duration_ms=None)])
    local = history.local("UTC")
    assert measured_share(local) == pytest.approx(1 / 4)
    assert [measured_share(local.iloc[place : place + 1]) for place in range(3)] == [1.0, 0.0, 1.0]
    assert measured_share(local.head(0)) == 1.0, "without minutes nothing is estimated"


class Forgetful(dict[str, pd.DataFrame]):
    """Another session's zone pushes out every one as soon as it is kept."""

    def __setitem__(self, zone: str, local: pd.DataFrame) -> None:
        pass


def test_a_clock_that_another_session_pushes_out_is_still_answered():
    history = replace(history_of([play("2026-11-01 10:00", "a")]), _local=Forgetful())
    assert history.local("Asia/Kathmandu")["wall"].tolist() == [pd.Timestamp("2026-11-01 15:45")]


def test_a_history_keeps_the_clocks_of_a_few_zones():
    kept: dict[str, pd.DataFrame] = {}
    history = replace(history_of([play("2026-11-01 10:00", "a")]), _local=kept)
    for zone in ("UTC", "Asia/Tokyo", "Asia/Kathmandu", "Europe/Berlin", "Europe/Rome"):
        assert history.local(zone) is history.local(zone)
    assert list(kept) == ["Asia/Tokyo", "Asia/Kathmandu", "Europe/Berlin", "Europe/Rome"]


def test_a_renamed_artist_has_the_name_of_the_newest_play():
    tracks = [track("a", artist_name="New"), track("b", artist_name="Old")]
    history = history_of([play("2026-11-01 10:00", "b"), play("2026-11-02 10:00", "a")], tracks)
    assert history.artists["artist_name"].tolist() == ["New"]


def test_a_first_artist_whose_name_holds_the_separator_is_one_artist():
    tracks = [track("a", artist_id="duo", artist_name="Earth; Wind", artist_names="Earth; Wind; Fire")]
    history = history_of([play("2026-11-01 10:00", "a")], tracks)
    assert sorted(history.artists["artist_name"]) == ["Earth; Wind", "Fire"]


@pytest.mark.parametrize(
    ("releases", "keys"),
    [(["dawn"], ["dawn"]), (["dawn", "deluxe"], ["dawn", "deluxe", "name:ada/Dawn"]), ([], ["name:name:Ada/Dawn"])],
)
def test_an_album_that_an_export_names_is_the_artists_only_one_of_that_name(releases: list[str], keys: list[str]):
    of_export = track("export", album_id=None, artist_id=None)
    tracks = [of_export, track("other", artist_id="bo", artist_name="Bo", album_id="bos dawn")]
    tracks += [track(album_id, album_id=album_id) for album_id in releases]
    history = history_of([play("2026-11-01 10:00", row["track_id"]) for row in tracks], tracks)
    assert sorted(history.albums.index) == sorted(["bos dawn", *keys])


def test_the_newest_play_is_none_that_is_to_come():
    past, ahead = play("2026-11-01 10:00", "a"), play("2027-03-01 10:00", "b")
    assert history_of([past, ahead]).newest_at(NOW) == at("2026-11-01 10:00")
    assert history_of([ahead]).newest_at(NOW) == at("2027-03-01 10:00")
    assert history_of([]).newest_at(NOW) is None
