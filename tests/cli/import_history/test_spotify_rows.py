from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.commands.import_history.reading import spotify_rows
from cli.commands.import_history.reading.spotify_rows import KINDS, ExportedPlay, LeftOut, Manner, parse_row

TRACK = "6rqhFgbbKwnb9MLmUQDhG6"
ROW = {
    "ts": "2024-03-01T09:32:01Z",
    "ms_played": 183_000,
    "ip_addr": "192.0.2.7",
    "username": "invented-name",
    "master_metadata_track_name": "One",
    "master_metadata_album_artist_name": "Ada",
    "master_metadata_album_album_name": "First",
    "spotify_track_uri": f"spotify:track:{TRACK}",
    "episode_name": None,
    "spotify_episode_uri": None,
}
PLAY = ExportedPlay(datetime(2024, 3, 1, 9, 32, 1, tzinfo=UTC), TRACK, "One", "Ada", "First", 183_000)


NOW = datetime(2026, 3, 1, tzinfo=UTC)


def parse(row):
    return parse_row(row, NOW)


@pytest.mark.parametrize(
    ("changes", "play"),
    [
        ({}, PLAY),
        ({"ts": "2024-03-01T10:32:01+01:00"}, PLAY),
        ({"ts": "2024-03-01 09:32:01.999999Z"}, PLAY),
        ({"ms_played": 0}, {"ms_played": 0}),
        ({"ms_played": 86_400_000}, {"ms_played": 86_400_000}),
        ({"ms_played": 86_400_001}, {"ms_played": None}),
        ({"ms_played": 2**63 - 1}, {"ms_played": None}),
        ({"ms_played": 2**63}, {"ms_played": None}),
        ({"ms_played": 10**400}, {"ms_played": None}),
        ({"ts": "2026-03-01T23:59:59Z"}, {"played_at": datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)}),
        ({"episode_name": "with a track all the same"}, PLAY),
        ({"master_metadata_track_name": None, "master_metadata_album_album_name": 7}, {"names": (None, "Ada", None)}),
        ({"master_metadata_track_name": "half a pair: \ud83c"}, {"names": ("half a pair: ?", "Ada", "First")}),
        (
            {"master_metadata_album_artist_name": 'Comma, "quote"\nline'},
            {"names": ("One", 'Comma, "quote"\nline', "First")},
        ),
    ],
)
def test_a_row_with_a_track_is_a_play(changes, play):
    found = parse(ROW | changes)
    parsed = {
        "played_at": found.played_at,
        "track_id": found.track_id,
        "names": (found.track_name, found.artist_name, found.album_name),
        "ms_played": found.ms_played,
    }
    expected = {"played_at": PLAY.played_at, "track_id": TRACK, "names": ("One", "Ada", "First"), "ms_played": 183_000}
    assert parsed == expected | (play if isinstance(play, dict) else {})


def test_a_name_of_a_million_letters_is_not_kept_beyond_its_row():
    long = "x" * 10**6
    parse(ROW)
    kept = spotify_rows._storable.cache_info().currsize
    assert parse(ROW | {"master_metadata_track_name": long}).track_name == long
    assert spotify_rows._storable.cache_info().currsize == kept


def test_a_whole_number_may_be_written_with_a_fraction_of_zero():
    whole, other = {"ms_played": 200_000, "offline_timestamp": 1_709_285_521}, ROW | {"ms_played": 0.5}
    assert parse(ROW | {name: float(value) for name, value in whole.items()}) == parse(ROW | whole)
    assert parse(ROW | whole).started_at is not None
    assert parse(other) == LeftOut("unreadable", "ms_played is not a number of milliseconds", is_lost=True)


@pytest.mark.parametrize(
    ("changes", "manner"),
    [
        ({}, Manner()),
        (
            {"reason_start": "clickrow", "reason_end": "unexpected-exit-while-paused", "skipped": False},
            Manner("clickrow", "unexpected-exit-while-paused", skipped=False),
        ),
        ({"shuffle": True, "incognito_mode": False}, Manner(shuffle=True, incognito_mode=False)),
        ({"reason_end": "", "reason_start": None}, Manner()),
        ({"reason_end": "Trackdone", "reason_start": "a\n"}, Manner()),
        ({"reason_end": "a" * 40, "reason_start": "a" * 41}, Manner(None, "a" * 40)),
        ({"reason_end": 7, "reason_start": ["trackdone"]}, Manner()),
        ({"skipped": 1, "shuffle": 0.0, "incognito_mode": "TRUE"}, Manner(None, None, True, False, True)),
        ({"skipped": 2, "shuffle": float("nan"), "incognito_mode": "yes"}, Manner()),
        ({"skipped": 10**400, "shuffle": {}, "incognito_mode": []}, Manner()),
    ],
)
def test_how_a_play_began_and_ended_is_read_or_unknown(changes, manner):
    assert parse(ROW | changes).manner == manner


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"spotify_track_uri": None, "spotify_episode_uri": "spotify:episode:x"}, "podcast episode"),
        ({"spotify_track_uri": None, "episode_name": "Episode"}, "podcast episode"),
        ({"spotify_track_uri": None, "audiobook_title": "Book"}, "audiobook"),
        ({"spotify_track_uri": None, "audiobook_chapter_uri": "spotify:chapter:x"}, "audiobook"),
        ({"spotify_track_uri": "spotify:local:Ada:First:One:183"}, "local file"),
        ({"spotify_track_uri": None}, "no track id"),
        ({"spotify_track_uri": ""}, "no track id"),
    ],
)
def test_what_is_no_track_is_left_out_with_its_kind(changes, kind):
    assert parse(ROW | changes) == LeftOut(kind, is_lost=kind == "no track id")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"spotify_track_uri": "spotify:track:short"}, "spotify_track_uri is not that of a track"),
        ({"spotify_track_uri": f"spotify:track:{TRACK}\n"}, "spotify_track_uri is not that of a track"),
        ({"spotify_track_uri": ["spotify:track"]}, "spotify_track_uri is not that of a track"),
        ({"ts": None}, "ts is not an instant with a time zone"),
        ({"ts": "yesterday"}, "ts is not an instant with a time zone"),
        ({"ts": "2024-03-01T09:32:01"}, "ts is not an instant with a time zone"),
        ({"ts": 1_709_285_521}, "ts is not an instant with a time zone"),
        ({"ts": "0001-01-01T00:00:00+14:00"}, "ts is not an instant with a time zone"),
        ({"ts": "1970-01-01T00:00:00Z"}, "ts lies before 2006-01-01"),
        ({"ts": "2026-03-02T00:00:01Z"}, "ts lies in the future"),
        ({"ts": "9999-12-31T23:59:59-14:00"}, "ts is not an instant with a time zone"),
        ({"ms_played": None}, "ms_played is not a number of milliseconds"),
        ({"ms_played": -1}, "ms_played is not a number of milliseconds"),
        ({"ms_played": "183000"}, "ms_played is not a number of milliseconds"),
        ({"ms_played": True}, "ms_played is not a number of milliseconds"),
        ({"ms_played": float("nan")}, "ms_played is not a number of milliseconds"),
    ],
)
def test_an_unreadable_row_is_reported_with_the_reason(changes, reason):
    assert parse(ROW | changes) == LeftOut("unreadable", reason, is_lost=True)


def test_rows_that_are_not_objects_are_reported_too():
    assert [parse(row) for row in (None, 3, "x", [])] == [LeftOut("unreadable", "it is not an object", True)] * 4


def test_a_play_of_which_the_export_says_more_than_a_track_lasts_does_not_count():
    assert not parse(ROW | {"ms_played": 259_200_000}).counts
    assert parse(ROW | {"ms_played": 30_000}).counts


def test_a_row_without_a_track_is_a_lost_play_only_where_a_track_is_named():
    nameless = ROW | {"spotify_track_uri": None, "master_metadata_track_name": None}
    assert parse(nameless) == LeftOut("no track id")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
SECRET = "192.0.2.7 invented-name"  # pragma: allowlist secret -- invented


@given(st.lists(st.dictionaries(st.sampled_from(sorted(ROW)), ANYTHING) | ANYTHING, max_size=4), st.data())
def test_whatever_a_file_holds_each_row_has_one_outcome_that_shows_nothing_of_it(rows, data):
    spoilt = dict(ROW)
    names = ["ts", "ms_played", "spotify_track_uri", *Manner._fields]
    spoilt[data.draw(st.sampled_from(names))] = data.draw(ANYTHING | st.just(SECRET))
    outcomes = [parse(row) for row in (*rows, spoilt)]
    assert len(outcomes) == len(rows) + 1
    for outcome in outcomes:
        assert isinstance(outcome, ExportedPlay) or outcome.kind in KINDS
        assert SECRET not in str(outcome)
