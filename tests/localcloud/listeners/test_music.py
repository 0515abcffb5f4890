import re
from collections import Counter
from datetime import date

from localcloud.listeners.music import invent_catalogue
from localcloud.listeners.names import AWKWARD_TITLES

CATALOGUE = invent_catalogue(1)
TRACKS = list(CATALOGUE.tracks.values())


def test_the_same_seed_invents_the_same_music_and_another_seed_other_music():
    # A second catalogue of one seed is only to be had around the cache.
    again = invent_catalogue.__wrapped__(1)
    other = invent_catalogue(2)

    assert repr(list(again.tracks.values())) == repr(TRACKS)
    assert not CATALOGUE.tracks.keys() & other.tracks.keys()


def test_every_id_has_spotifys_form_and_is_given_once():
    ids = [track.id for track in TRACKS] + [album.id for album in CATALOGUE.albums]

    assert all(re.fullmatch("[0-7][0-9A-Za-z]{21}", id_) for id_ in ids)
    assert len(set(ids)) == len(ids)


def test_an_isrc_is_shared_by_a_recording_and_its_reissue_and_by_nothing_else():
    by_isrc: dict[str, list] = {}
    for track in TRACKS:
        if track.isrc:
            assert re.fullmatch(r"XXINV\d{7}", track.isrc)
            by_isrc.setdefault(track.isrc, []).append(track)
    shared = [tracks for tracks in by_isrc.values() if len(tracks) > 1]

    assert len(shared) > 100
    for first, second in shared:
        assert CATALOGUE.reissue_of(first.album) is second.album
        assert first.album.released_on < second.album.released_on
        assert first.id != second.id
        assert (first.name, first.artists, first.duration_ms) == (second.name, second.artists, second.duration_ms)
        assert (first.explicit, first.features) == (second.explicit, second.features)


def test_release_dates_come_in_three_precisions_and_mean_their_first_day():
    forms = {"day": r"\d{4}-\d\d-\d\d", "month": r"\d{4}-\d\d", "year": r"\d{4}"}
    for album in CATALOGUE.albums:
        assert re.fullmatch(forms[album.release_date_precision], album.release_date)
        assert album.released_on.isoformat().startswith(album.release_date)
        if album.release_date_precision != "day":
            assert album.released_on.day == 1

    assert Counter(album.release_date_precision for album in CATALOGUE.albums).keys() == forms.keys()


def test_albums_released_between_two_days_are_found_with_both_days_counted():
    first, last = date(2020, 2, 1), CATALOGUE.albums[-5].released_on

    found = CATALOGUE.released_between(first, last)

    assert found == [album for album in CATALOGUE.albums if first <= album.released_on <= last]
    assert found[-1].released_on == last


def test_tracks_lack_now_and_then_what_real_tracks_lack():
    without = {
        "isrc": sum(track.isrc is None for track in TRACKS),
        "features": sum(track.features is None for track in TRACKS),
        "reccobeats": sum(track.reccobeats_id is None for track in TRACKS),
        "clean": sum(track.explicit for track in TRACKS),
        "one artist": sum(len(track.artists) > 1 for track in TRACKS),
    }

    assert all(0 < count < len(TRACKS) / 3 for count in without.values()), without


def test_features_stay_within_the_ranges_that_are_documented():
    for features in (track.features for track in TRACKS if track.features):
        shares = (
            features.danceability, features.energy, features.speechiness, features.acousticness,
            features.instrumentalness, features.liveness, features.valence,
        )  # fmt: skip
        assert all(0 <= share <= 1 for share in shares)
        assert -60 <= features.loudness <= 0
        assert -1 <= features.key <= 11
        assert features.mode in (0, 1)
        assert 3 <= features.time_signature <= 7
        assert 40 < features.tempo < 250


def test_every_awkward_title_is_on_an_album_as_it_is():
    titles = {track.name for track in TRACKS}

    assert titles.issuperset(AWKWARD_TITLES)
    for needed in ('"', ",", "\n", "\t", "\\", "🌂", "ע", "ع", "空", "NULL", "0042", "<b>"):
        assert any(needed in title for title in AWKWARD_TITLES), needed
