"""Discoveries and sessions: new and known, what stuck, what is forgotten, decades, loyalty, a session's end."""

from datetime import date

import pandas as pd
import pytest

from analysis import days, discoveries
from analysis.periods import custom_period
from charts import bars
from tests.dashboard.invented.history import NOVEMBER, NOW, history_of, play, track
from theme import colours_of


def test_a_session_ends_after_more_than_half_an_hour_without_music():
    # Tracks of three minutes: the second begins 30 minutes after the first ended, the third 31 after the second.
    history = history_of([play("2026-11-01 10:00", "a"), play("2026-11-01 10:33", "b"), play("2026-11-01 11:07", "c")])
    local = history.local("UTC")
    rows = days.all_sessions(local, "UTC")
    assert rows[["start", "minutes", "plays"]].values.tolist() == [
        [pd.Timestamp("2026-11-01 09:57"), 6.0, 2],
        [pd.Timestamp("2026-11-01 11:04"), 3.0, 1],
    ]
    longest = days.longest_sessions(local, "UTC", 1)
    assert days.tracks_of_session(history, local, longest.iloc[0])["key"].tolist() == ["a", "b"]
    assert days.all_sessions(local.head(0), "UTC").empty


def test_a_session_in_which_the_clock_goes_back_began_at_what_the_clock_said_then():
    # It ended at 02:10, the second one of that night; twenty minutes before that it was 02:50.
    local = history_of([play("2026-10-25 01:10", "a", ms_played=1_200_000)]).local("Europe/Berlin")
    assert days.all_sessions(local, "Europe/Berlin")["start"].tolist() == [pd.Timestamp("2026-10-25 02:50")]


def test_listening_is_new_for_thirty_days_after_an_artist_was_first_played():
    plays = [play("2026-10-01 10:00", "a"), play("2026-10-31 09:00", "a"), play("2026-10-31 10:00", "a")]
    history = history_of(plays)
    period = custom_period(date(2026, 9, 30), date(2026, 11, 22), "UTC", NOW)
    rows = discoveries.new_and_known(history, history.local("UTC"), period, "Plays")
    found = rows[rows["value"] > 0][["step_on", "kind", "value", "share"]].values.tolist()
    assert found == [
        [pd.Timestamp("2026-09-30"), "New", 1.0, 1.0],
        [pd.Timestamp("2026-10-26"), "New", 1.0, 0.5],
        [pd.Timestamp("2026-10-26"), "Known", 1.0, 0.5],
    ]
    assert rows["step_on"].nunique() == 8
    assert rows.loc[rows["is_partial"], "step_on"].tolist() == [pd.Timestamp("2026-11-16")] * 2
    drawn = bars.new_and_known(rows, "Plays", colours_of("light"))
    assert drawn.to_dict()["encoding"]["opacity"]["condition"] == {"test": "datum.is_partial", "value": 0.6}
    assert drawn.data.loc[drawn.data["is_partial"], "When"].tolist() == ["week of 16 Nov 2026 (not over yet)"] * 2


def test_plays_of_an_unknown_artist_are_neither_new_nor_known():
    nobody = track("b", artist_id=None, artist_name=None, artist_names=None)
    history = history_of([play("2026-11-02 10:00", "a"), play("2026-11-02 11:00", "b")], [track("a"), nobody])
    rows = discoveries.new_and_known(history, history.local("UTC"), NOVEMBER, "Plays")
    assert rows.loc[rows["value"] > 0, ["kind", "value", "share"]].values.tolist() == [["New", 1.0, 1.0]]


def test_what_stuck_was_first_played_in_the_period_and_played_five_times_since():
    often = [play(f"2026-11-0{n} 10:00", "a") for n in range(1, 6)]
    seldom = [play(f"2026-11-0{n} 11:00", "b") for n in range(1, 5)]
    known = [play(f"2026-{month} 12:00", "c") for month in ("10-01", "11-01", "11-02", "11-03", "11-04")]
    history = history_of([*often, *seldom, *known])
    assert discoveries.stuck(history, history.local("UTC"), NOVEMBER, "Plays")["key"].tolist() == ["a"]


def test_forgotten_is_what_was_played_often_and_not_for_half_a_year():
    often = [play(f"2026-05-{day:02} 10:00", track_id) for day in range(1, 21) for track_id in ("a", "b")]
    history = history_of([*often, play("2026-06-02 10:00", "b")])
    local = history.local("UTC")
    assert discoveries.forgotten(history, local, date(2026, 11, 16), "Plays")["key"].tolist() == ["a"]
    none = discoveries.forgotten(history, local, date(2026, 11, 15), "Plays")
    assert (none["key"].tolist(), none.attrs["favourites"]) == ([], 2)
    assert discoveries.forgotten(history, local.head(30), date(2026, 11, 16), "Plays").attrs["favourites"] == 0


def test_decades_are_complete_and_say_what_is_not_known():
    tracks = [
        track("a", album_release_date="1979-12"),
        track("b", album_release_date="2003"),
        track("c", album_release_date=None),
    ]
    plays = [
        play("2026-11-01 10:00", "a"),
        play("2026-11-02 10:00", "b"),
        play("2026-11-03 10:00", "b"),
        play("2026-11-04 10:00", "c"),
    ]
    history = history_of(plays, tracks)
    local = history.local("UTC")
    rows = discoveries.decades(history, local, "Plays")
    assert rows.values.tolist() == [["1970s", 0.25], ["1980s", 0.0], ["1990s", 0.0], ["2000s", 0.5], ["Unknown", 0.25]]
    inside = discoveries.years_in_decade(history, local, "Plays", 2000, 2026)
    assert inside.loc[inside["share"] > 0].values.tolist() == [[2003, 0.5]]
    assert inside["year"].tolist() == list(range(2000, 2010))


def test_the_years_of_this_decade_end_with_this_year_or_with_the_music():
    tracks = [track("a", album_release_date="2021"), track("b", album_release_date="2028-01-01")]
    history = history_of([play("2026-11-01 10:00", "a"), play("2026-11-02 10:00", "b")], tracks)
    local = history.local("UTC")

    def years_shown(plays: pd.DataFrame) -> list[int]:
        return discoveries.years_in_decade(history, plays, "Plays", 2020, 2026)["year"].tolist()

    assert years_shown(local.head(1)) == list(range(2020, 2027))
    assert years_shown(local) == list(range(2020, 2029)), "no year with plays is left out"
    assert years_shown(local.head(0)) == list(range(2020, 2027))


def test_loyalty_is_how_much_goes_to_how_few_artists():
    tracks = [track(f"t{n:02}", artist_id=f"artist {n:02}", artist_name=f"Artist {n}") for n in range(12)]
    # The first artist has nine plays, the other eleven one each.
    plays = [play(f"2026-11-{n + 1:02} 10:00", f"t{n:02}") for n in range(12)]
    plays += [play(f"2026-11-20 1{n}:00", "t00") for n in range(8)]
    history = history_of(plays, tracks)
    found = discoveries.loyalty(history, history.local("UTC"), "Plays")
    assert found == (pytest.approx(9 / 20), pytest.approx(18 / 20), 2, 12)
    assert discoveries.loyalty(history, history.local("UTC").head(0), "Plays") is None


@pytest.mark.parametrize("by", ["Plays", "Minutes"])
def test_six_of_twelve_artists_with_a_play_each_are_half_of_the_listening(by: str):
    tracks = [track(f"t{n}", artist_id=f"artist {n}", artist_name=f"Artist {n}") for n in range(12)]
    history = history_of([play(f"2026-11-20 10:{n:02}", f"t{n}") for n in range(12)], tracks)
    found = discoveries.loyalty(history, history.local("UTC"), by)
    assert found is not None
    assert found.artists_for_half == 6


def test_known_artists_need_not_have_half_of_the_listening():
    unknown = track("unknown", artist_id=None, artist_name=None, artist_names=None)
    played = ["a"] * 4 + ["unknown"] * 6
    history = history_of([play(f"2026-11-{n + 1:02} 10:00", id_) for n, id_ in enumerate(played)], [unknown])
    assert discoveries.loyalty(history, history.local("UTC"), "Plays") == (0.4, 0.4, None, 1)
