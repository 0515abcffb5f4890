"""When the plays of an export ended, and which of its rows are one play."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.commands.import_history.reading.play_times import EDITION, dated
from cli.commands.import_history.reading.plays import Rows
from cli.commands.import_history.reading.spotify_rows import ExportedPlay, Manner, parse_row
from tests.event_function import ROOT

TEN = datetime(2022, 6, 1, 10, tzinfo=UTC)
A, B = "6rqhFgbbKwnb9MLmUQDhG6", "4uLU6hMCjMI75M1A2tKUQC"


def row(ts=TEN, began=None, ms_played=200_000, track=A):
    return ExportedPlay(ts, track, None, None, None, ms_played, began)


def ago(**length):
    return TEN - timedelta(**length)


def ends(*rows):
    return [(play.played_at, play.reported_at, play.ms_played) for play in dated(Rows(rows))]


@pytest.mark.parametrize("value", [1654066800, 1654066800123])
def test_a_beginning_is_read_in_seconds_and_in_milliseconds(value):
    values = {"ts": "2022-06-01T10:00:00Z", "spotify_track_uri": f"spotify:track:{A}", "ms_played": 200_000}
    play = parse_row({**values, "offline_timestamp": value}, TEN)
    assert play.started_at == datetime(2022, 6, 1, 7, tzinfo=UTC)


@pytest.mark.parametrize("value", [0, None, -1, True, "1654066800", 1.5, 10**30, 5])
def test_what_is_no_instant_is_no_beginning(value):
    values = {"ts": "2022-06-01T10:00:00Z", "spotify_track_uri": f"spotify:track:{A}", "ms_played": 200_000}
    play = parse_row({**values, "offline_timestamp": value}, TEN)
    assert (play.started_at, play.played_at) == (None, TEN)


@pytest.mark.parametrize(
    ("began", "why"),
    [
        (None, "none is given"),
        (ago(seconds=200), "it says the same"),
        (ago(seconds=290), "it says nearly the same"),
        (ago(seconds=190), "it lies too late for the time played"),
        (TEN + timedelta(hours=1), "it lies after the end"),
        (ago(days=32), "longer than downloads can be played"),
    ],
)
def test_a_play_ended_at_its_ts_unless_it_began_earlier(began, why):
    assert ends(row(began=began)) == [(TEN, None, 200_000)], why


@pytest.mark.parametrize("hours", [0.1, 5, 24 * 30])
def test_a_ts_that_is_late_is_not_the_end(hours):
    began = ago(hours=hours)
    assert ends(row(began=began)) == [(began + timedelta(seconds=200), TEN, 200_000)]


def test_a_play_keeps_how_its_own_row_says_that_it_began_and_ended():
    """In any order of the rows, and of two rows of one play that of the one played longest."""
    skipped, whole = Manner("clickrow", "fwdbtn", skipped=True), Manner("fwdbtn", "trackdone", skipped=False)
    rows = [
        row(TEN + timedelta(hours=1), track=B)._replace(manner=whole),
        row(ms_played=9_000)._replace(manner=whole),
        row()._replace(manner=skipped),
        row(TEN + timedelta(hours=2)),
    ]
    for each in (rows, rows[::-1]):
        assert [play.manner for play in dated(Rows(each))] == [skipped, whole, Manner()]
        assert dated(Rows(each))[1:2][0].manner == whole


def test_offline_plays_of_a_track_with_one_ts_are_as_many_as_their_beginnings():
    rows = [row(began=ago(hours=hours), ms_played=ms) for hours, ms in [(3, 200_000), (2, 200_000), (1, 150_000)]]
    assert ends(*rows, *rows) == [
        (ago(hours=3, seconds=-200), TEN, 200_000),
        (ago(hours=2, seconds=-200), TEN, 200_000),
        (ago(hours=1, seconds=-150), TEN, 150_000),
    ]


def test_short_repeats_within_one_ts_stay_apart():
    rows = [row(began=ago(seconds=20), ms_played=5_000), row(began=ago(seconds=10), ms_played=9_000)]
    assert ends(*rows) == [(ago(seconds=15), TEN, 5_000), (TEN, None, 9_000)]


@pytest.mark.parametrize(("ms_played", "plays"), [(1_646, 1), (900, 2)])
def test_a_skip_whose_beginning_another_export_rounds_up_is_one_if_it_lasted_longer_than_that(ms_played, plays):
    rows = [row(began=ago(seconds=seconds), ms_played=ms_played) for seconds in (2, 1)]
    assert len(ends(*rows)) == len(ends(*rows[::-1])) == plays


def test_a_row_without_a_beginning_is_the_row_of_an_older_export():
    """And so is one whose beginning is given in other units, or cut off to whole seconds."""
    known = row(began=ago(hours=2))
    assert ends(known, row()) == ends(row(), known) == ends(known) == [(ago(hours=2, seconds=-200), TEN, 200_000)]


SOON = TEN + timedelta(seconds=6)


@pytest.mark.parametrize(
    ("rows", "played_at"),
    [
        pytest.param([row(), row(SOON)], [TEN], id="the earliest stays"),
        pytest.param([row(), row(SOON, ago(seconds=193))], [TEN], id="one that says when it began"),
        pytest.param([row(began=ago(hours=1)), row(SOON, ago(hours=1))], [ago(seconds=3400)], id="one beginning"),
        pytest.param([row(began=ago(hours=1)), row(began=ago(seconds=3597))], [ago(seconds=3400)], id="one ts"),
        pytest.param(
            [row(ts, ago(hours=hours)) for ts in (TEN, SOON) for hours in (3, 2)],
            [ago(hours=3, seconds=-200), ago(hours=2, seconds=-200)],
            id="two plays of a trip offline",
        ),
        pytest.param([row(), row(ago(seconds=30))], [ago(seconds=30), TEN], id="half a minute apart"),
        pytest.param(
            [row(ms_played=31_000), row(ago(seconds=29), ms_played=31_000)], [ago(seconds=29), TEN], id="on repeat"
        ),
        pytest.param([row(ms_played=29_000), row(SOON, ms_played=29_000)], [TEN, SOON], id="too short to count"),
        pytest.param([row(), row(SOON, ms_played=199_000)], [TEN, SOON], id="another time played"),
        pytest.param([row(), row(SOON, track=B)], [TEN, SOON], id="another track"),
        pytest.param([each._replace(is_own=True) for each in (row(), row(SOON))], [TEN, SOON], id="stored as two"),
    ],
)
def test_a_play_that_spotify_records_twice_some_seconds_apart_is_one(rows, played_at):
    for each in (rows, rows[::-1]):
        assert [play.played_at for play in dated(Rows(each))] == played_at


def test_a_play_recorded_twice_has_the_ts_that_an_export_without_beginnings_has_of_it():
    assert ends(row(), row(SOON, ago(hours=1))) == [(ago(seconds=3400), TEN, 200_000)]


def test_of_rows_that_are_the_same_the_one_played_longest_is_the_play():
    assert ends(row(ms_played=1_000), row(ms_played=3_000), row(ms_played=2_000)) == [(TEN, None, 3_000)]


def test_a_beginning_that_several_plays_share_began_none_of_them():
    """In files of some years it is the last time that the device was offline."""
    offline = ago(hours=9)
    rows = [row(began=offline), row(TEN + timedelta(hours=1), offline), row(TEN, offline, track=B)]
    assert list(dated(Rows(rows))) == sorted(rows, key=lambda play: (play.played_at, play.track_id))


def test_a_play_under_two_ids_began_when_both_rows_say():
    rows = [row(began=ago(hours=5)), row(began=ago(hours=5), track=B)]
    named = [each._replace(track_name="One", artist_name="Ada") for each in rows]
    assert ends(*named) == ends(named[0]) == [(ago(hours=5, seconds=-200), TEN, 200_000)]


def files(*rows_of_files):
    """Each file's rows; those of `export` have its mark."""
    rows = Rows()
    for number, file in enumerate(rows_of_files, start=1):
        for play in file:
            rows.append(int(play.played_at.timestamp() * 1000), play, number)
    return [(play.played_at, play.reported_at, play.ms_played) for play in dated(rows)]


def own(**values):
    return row(**values)._replace(is_own=True)


def test_a_row_of_export_that_ended_within_the_second_after_its_ts_ended_at_its_ts():
    """The API's instant was 10:00:00.7; a beginning has whole seconds."""
    assert files([own(began=ago(seconds=200), ms_played=200_100)]) == [(TEN, None, 200_100)]


@pytest.mark.parametrize("apart", [5, 25])
def test_a_play_of_spotifys_file_is_no_other_one_in_a_file_of_export(apart):
    """The API showed it seconds before the file's end, and from there `export` works out when it began."""
    spotifys, exported = row(began=ago(hours=3)), own(began=ago(hours=3, seconds=apart))
    expected = [(ago(hours=3, seconds=-200), TEN, 200_000)]
    assert files([spotifys], [exported]) == files([exported], [spotifys]) == expected


def test_a_play_of_two_files_of_export_is_one_play_also_if_one_has_lost_its_beginning():
    began, lost = own(began=ago(hours=3)), own()
    assert files([began], [lost]) == files([lost], [began]) == [(ago(hours=3, seconds=-200), TEN, 200_000)]
    assert len(files([began, lost])) == 2


def named(title="Ashes", artist="Ada", track=A, **values):
    return row(track=track, **values)._replace(track_name=title, artist_name=artist)


@pytest.mark.parametrize(
    ("one", "other", "plays"),
    [
        (named("Ashes - Remastered 2011"), named("Ashes (2011 Remaster)", track=B), 1),
        (named(), named(artist="Various Artists", track=B), 1),
        (named("Caf\u00e9!"), named("Cafe\u0301", track=B), 1),
        (named(), named(None, None, track=B), 1),
        (named(), named(None, "Ben", track=B), 2),
        (named(), named("Embers", track=B), 2),
        (named(None), named(None, track=B), 2),
        (named("Rain, Pt. 1"), named("Rain, Pt. 2", track=B), 2),
        (named("?"), named("!", track=B), 2),
        (named(ms_played=9_000), named("ASHES", track=B, ms_played=9_000), 1),
        (named(ms_played=9_000), named(artist="Ben", track=B, ms_played=9_000), 2),
        (named(ms_played=9_000), named("Embers", track=B, ms_played=9_000), 2),
        (named(ms_played=9_000), named(None, None, track=B, ms_played=9_000), 2),
        (named(ms_played=9_000, began=ago(hours=1)), named(None, None, B, ms_played=9_000, began=ago(hours=1)), 1),
        (named(ms_played=9_000, began=ago(hours=1)), named(track=B, ms_played=9_000, began=ago(hours=2)), 2),
        (named(ms_played=2_000), named(track=B, ms_played=2_000), 2),
    ],
)
def test_a_play_under_another_id_may_be_spelled_differently_and_a_short_one_may_not(one, other, plays):
    for rows in ([one, other], [other, one]):
        assert len(dated(Rows(rows))) == plays


def test_an_edition_is_named_as_in_the_rule_of_load():
    sql = (ROOT / "functions/load/queries/same_play.sql").read_text()
    assert "".join(re.findall(r"^ {10}'(.+)',?$", sql, re.MULTILINE)).replace("\\\\", "\\") == EDITION.pattern


PLAYED = st.tuples(
    st.sampled_from("ABC"), st.integers(2_100, 260_000), st.sampled_from([0, 1, 5, 600]), st.booleans(), st.booleans()
)


@given(
    st.lists(PLAYED, min_size=1, max_size=8), st.sets(st.sampled_from("ABC")), st.booleans(), st.sampled_from([0, 1])
)
def test_two_exports_of_one_listener_hold_each_play_once(played, relinked, has_beginnings, rounded):
    """Some were offline, up to one that was not; the other export has other ids, no beginnings, or rounded ones."""
    at, one, other, trip = TEN, [], [], []
    for track, ms_played, pause, was_offline, is_rounded in played:
        began = at
        at = began + timedelta(milliseconds=ms_played)
        trip.append((track, ms_played, began.replace(microsecond=0), rounded and is_rounded))
        if not was_offline:
            for name, ms, start, later in trip:
                is_other = name in relinked
                mine = row(at.replace(microsecond=0), start, ms, name * 22)._replace(track_name=name, artist_name="Ada")
                one.append(mine)
                start = start + timedelta(seconds=later) if has_beginnings else None
                other.append(mine._replace(track_id=name.lower() * 22 if is_other else name * 22, started_at=start))
            trip = []
        at += timedelta(seconds=pause)
    alone = [play.played_at for play in dated(Rows(one))]
    assert len(alone) == len(one)
    assert [play.played_at for play in dated(Rows([*one, *other]))] == alone
    assert len(dated(Rows([*other, *one]))) == len(one)


def test_plays_are_given_in_the_order_of_their_ends():
    late, early = row(began=ago(hours=5)), row(ago(hours=1), track=B)
    assert list(dated(Rows([early, late]))) == [
        late._replace(played_at=ago(hours=5, seconds=-200), reported_at=TEN),
        early,
    ]
