"""Plays are UTC; days, hours and streaks are those of the chosen zone, to the quarter hour and across DST."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import days, hours
from analysis.periods import (
    PERIODS,
    Period,
    collected,
    comparable,
    custom_period,
    midnight,
    month_period,
    named_period,
    within,
    year_period,
)
from charts import bars
from components.filters import zone_choices
from tests.dashboard.invented.history import at, gaps_of, history_of, play, track
from theme import colours_of

BERLIN, KATHMANDU = "Europe/Berlin", "Asia/Kathmandu"
NOW = at("2026-11-22 12:00")
FIRST, LAST = datetime(2008, 1, 1), datetime(2036, 1, 1)  # noqa: DTZ001 -- as Hypothesis wants its bounds


def test_the_day_berlin_skips_an_hour_has_23_hours_and_no_play_at_two():
    period = custom_period(date(2026, 3, 29), date(2026, 3, 29), BERLIN, NOW)
    assert period.end_at - period.start_at == timedelta(hours=23)
    local = history_of([play("2026-03-29 00:59", "a"), play("2026-03-29 01:00", "b")]).local(BERLIN)
    assert local["wall"].tolist() == [pd.Timestamp("2026-03-29 01:59"), pd.Timestamp("2026-03-29 03:00")]
    assert hours.clock(local, period, "Plays", NOW, gaps_of())["total"].sum() == 2


def test_the_day_berlin_repeats_an_hour_counts_that_hour_twice():
    period = custom_period(date(2026, 10, 25), date(2026, 10, 25), BERLIN, NOW)
    assert period.end_at - period.start_at == timedelta(hours=25)
    plays = [play("2026-10-25 00:30", "a"), play("2026-10-25 01:30", "b"), play("2026-10-25 02:30", "c")]
    local = history_of(plays).local(BERLIN)
    assert local["hour"].tolist() == [2, 2, 3]
    clock = hours.clock(local, period, "Plays", NOW, gaps_of()).set_index(["weekday", "hour"])
    assert clock.loc[(6, 2)].tolist() == [2.0, 1.0]
    assert clock.loc[(6, 3)].tolist() == [1.0, 1.0]


def test_plays_around_midnight_fall_on_the_days_of_the_zone_and_not_of_utc():
    plays = [play("2026-11-20 22:59", "a"), play("2026-11-20 23:00", "b"), play("2026-11-21 23:00", "c")]
    local = history_of(plays).local(BERLIN)
    period = custom_period(date(2026, 11, 21), date(2026, 11, 21), BERLIN, NOW)
    assert within(local, period)["played_at"].tolist() == [pd.Timestamp(at("2026-11-20 23:00"))]


def test_a_clock_hour_is_divided_by_how_often_it_was_watched():
    # Four Mondays at 8: two plays in all; the gap takes two of the Mondays away.
    plays = [play("2026-11-02 08:10", "a"), play("2026-11-23 08:20", "b")]
    period = custom_period(date(2026, 11, 2), date(2026, 11, 29), "UTC", at("2026-11-30 12:00"))
    local = history_of(plays).local("UTC")
    whole = hours.clock(local, period, "Plays", at("2026-11-30 12:00"), gaps_of()).set_index(["weekday", "hour"])
    assert whole.loc[(0, 8), "value"] == 0.5
    gaps = gaps_of(("2026-11-03 00:00", "2026-11-17 00:00"))
    watched = hours.clock(local, period, "Plays", at("2026-11-30 12:00"), gaps).set_index(["weekday", "hour"])
    assert watched.loc[(0, 8), "value"] == 1.0
    assert hours.peak(watched.reset_index()) == (0, 8, 1.0)


def test_hours_still_to_come_do_not_thin_the_average():
    period = named_period("7 days", "UTC", at("2026-11-22 12:00"), None)
    local = history_of([play("2026-11-22 11:00", "a")]).local("UTC")
    clock = hours.clock(local, period, "Plays", at("2026-11-22 12:00"), gaps_of()).set_index(["weekday", "hour"])
    assert clock.loc[(6, 11), "value"] == 1.0
    assert clock.loc[(6, 13), "value"] == 0.0


def test_an_hour_in_which_a_gap_ends_holds_no_more_than_its_watched_part():
    """Monday: the gap ends at 10:31 with the first play that is known; an import has brought one from inside of it."""
    known = [play(f"2026-11-16 10:{minute}", f"t{minute}") for minute in range(31, 58, 3)]
    local = history_of([play("2026-11-16 09:10", "inside"), *known]).local("UTC")
    period = custom_period(date(2026, 11, 16), date(2026, 11, 16), "UTC", NOW)
    gaps = gaps_of(("2026-11-16 08:00", "2026-11-16 10:31"))
    clock = hours.clock(local, period, "Minutes", NOW, gaps).set_index(["weekday", "hour"])
    # Nine plays of three minutes in the half hour from 10:30 on.
    assert clock.loc[(0, 10), "value"] == pytest.approx(27 / 0.5)
    assert clock.loc[(0, 9), ["total", "value"]].tolist() == [0, 0]


def test_an_hour_under_way_counts_whole_and_does_not_win_with_one_play():
    """Berlin, Sunday 10:03: one play at 10:02; three plays on Saturday from 20:20 on. Kathmandu is 4 h 45 min ahead."""
    plays = [play("2026-11-22 09:02", "a"), *(play(f"2026-11-21 19:{minute}", "a") for minute in (20, 30, 40))]
    now = at("2026-11-22 09:03")
    for zone, best, under_way in ((BERLIN, (5, 20), (6, 10)), (KATHMANDU, (6, 1), (6, 14))):
        local, period = history_of(plays).local(zone), named_period("7 days", zone, now, None)
        clock = hours.clock(local, period, "Plays", now, gaps_of())
        assert hours.peak(clock) == (*best, 3.0)
        assert clock.set_index(["weekday", "hour"]).loc[under_way, "value"] == 1.0


def test_an_hour_under_way_of_which_no_plays_are_collected_does_not_thin_the_average():
    """Sundays at 10: two plays a week before, none since plays are collected no more."""
    local = history_of([play("2026-11-15 10:10", "a"), play("2026-11-15 10:20", "a")]).local("UTC")
    period = custom_period(date(2026, 11, 9), date(2026, 11, 22), "UTC", at("2026-11-22 10:03"))
    gaps = gaps_of(("2026-11-16 00:00", "2026-11-22 10:03"))
    clock = hours.clock(local, period, "Plays", at("2026-11-22 10:03"), gaps)
    assert hours.peak(clock) == (6, 10, 2.0)


def test_an_hour_of_which_a_gap_leaves_one_quarter_is_left_out():
    """Monday: the gap ends at 10:46 with the only play of that hour; at 12 there were two."""
    plays = [play("2026-11-16 10:46", "a"), play("2026-11-16 12:10", "a"), play("2026-11-16 12:20", "a")]
    period = custom_period(date(2026, 11, 16), date(2026, 11, 16), "UTC", NOW)
    gaps = gaps_of(("2026-11-16 08:00", "2026-11-16 10:46"))
    clock = hours.clock(history_of(plays).local("UTC"), period, "Plays", NOW, gaps)
    assert hours.peak(clock) == (0, 12, 2.0)
    assert clock.set_index(["weekday", "hour"]).loc[(0, 10), ["total", "value"]].tolist() == [0, 0]


def test_plays_of_a_clock_that_is_ahead_alone_have_no_peak():
    """Twenty-five plays later today: those hours have not begun."""
    local = history_of([play(f"2026-11-22 14:{minute:02}", "a") for minute in range(25)]).local("UTC")
    clock = hours.clock(local, named_period("7 days", "UTC", NOW, None), "Plays", NOW, gaps_of())
    assert hours.peak(clock) is None


def test_minutes_on_the_clock_are_the_minutes_played():
    local = history_of([play("2026-11-16 08:10", "a", ms_played=90_000)]).local("UTC")
    period = custom_period(date(2026, 11, 16), date(2026, 11, 16), "UTC", NOW)
    clock = hours.clock(local, period, "Minutes", NOW, gaps_of())
    assert clock["value"].max() == 1.5
    assert hours.by_hour(local, "Minutes")["share"].tolist() == [0.0] * 8 + [1.0] + [0.0] * 15


def test_an_average_weekday_leaves_gap_days_and_days_to_come_out():
    plays = [play("2026-11-02 08:00", "a"), play("2026-11-09 08:00", "a"), play("2026-11-09 09:00", "b")]
    local = history_of(plays).local("UTC")
    period = custom_period(date(2026, 11, 2), date(2026, 11, 30), "UTC", NOW)
    assert hours.by_weekday(local, period, "Plays", NOW)["value"].tolist() == [1.0, 0, 0, 0, 0, 0, 0]
    gap_days = {date(2026, 11, 16)}
    assert hours.by_weekday(local, period, "Plays", NOW, gap_days)["value"].tolist() == [1.5, 0, 0, 0, 0, 0, 0]


def test_averages_divide_by_the_days_since_collecting_began_that_no_gap_touches():
    # Collected since Friday 13 November; 14 November has a gap. Fridays: 13 and 20, Sundays: 15 and 22.
    plays = [play("2026-11-13 10:00", "a"), play("2026-11-13 10:30", "b"), play("2026-11-22 11:00", "b")]
    history = history_of([*plays, play("2026-11-14 10:00", "a")])
    local, gap_days = history.local("UTC"), {date(2026, 11, 14)}
    chosen = custom_period(date(2026, 11, 1), date(2026, 11, 22), "UTC", NOW)
    period = collected(chosen, history.oldest_at)
    assert (period.start, period.end) == (date(2026, 11, 13), date(2026, 11, 22))
    # An average day is over: not today, the 22nd.
    assert hours.per_day(local, period, "Plays", NOW, gap_days) == pytest.approx(2 / 8)
    assert hours.per_day(local, period, "Minutes", NOW, gap_days) == pytest.approx(6 / 8)
    assert hours.by_weekday(local, period, "Plays", NOW, gap_days)["value"].tolist() == [0, 0, 0, 0, 1.0, 0, 0.5]
    clock = hours.clock(local, period, "Plays", NOW, gaps_of()).set_index(["weekday", "hour"])
    assert clock.loc[(4, 10), "value"] == 1.0, "two plays on two Fridays"


def test_a_weekday_that_did_not_occur_has_no_average_and_no_bar():
    # A Monday with a play and a Tuesday without one.
    local = history_of([play("2026-11-16 10:00", "a")]).local("UTC")
    period = custom_period(date(2026, 11, 16), date(2026, 11, 17), "UTC", NOW)
    found = hours.by_weekday(local, period, "Plays", NOW)
    assert found["value"].fillna(-1).tolist() == [1.0, 0.0, -1, -1, -1, -1, -1]
    drawn = bars.averages_by_weekday(found, "Plays", colours_of("light")).data
    assert drawn["Day"].tolist() == ["Mon", "Tue"]


def test_of_a_period_of_today_alone_today_is_the_average_day():
    period = custom_period(date(2026, 11, 22), date(2026, 11, 22), "UTC", NOW)
    local = history_of([play("2026-11-22 10:00", "a")]).local("UTC")
    assert hours.per_day(local, period, "Plays", NOW, ()) == 1
    # It counts also where all other days are without music: the average would be 0 beside plays of today.
    assert hours.per_day(local, named_period("7 days", "UTC", NOW, None), "Plays", NOW, ()) == pytest.approx(1 / 7)


def test_there_is_no_average_day_where_gaps_touch_every_one():
    period = custom_period(date(2026, 11, 14), date(2026, 11, 14), "UTC", NOW)
    local = history_of([play("2026-11-14 10:00", "a")]).local("UTC")
    assert hours.per_day(local, period, "Plays", NOW, {date(2026, 11, 14)}) is None


@pytest.mark.parametrize(("by", "of_no_gap"), [("Plays", []), ("Minutes", [play("2026-11-19 10:00", "unknown")])])
def test_there_is_no_average_day_where_all_that_is_known_lies_on_days_with_a_gap(by, of_no_gap):
    period = named_period("7 days", "UTC", NOW, None)
    plays = [play("2026-11-18 10:00", "a"), *of_no_gap]
    local = history_of(plays, [track("unknown", duration_ms=None)]).local("UTC")
    assert hours.per_day(local, period, by, NOW, {date(2026, 11, 18)}) is None


def test_a_period_that_began_before_collecting_did_is_not_compared_with():
    period = named_period("7 days", BERLIN, NOW, None)
    before = period.previous
    assert before is not None
    assert before.start == date(2026, 11, 9)
    # 23:30 UTC is half past midnight in Berlin.
    assert comparable(period, at("2026-11-08 23:30")) == before
    assert comparable(period, at("2026-11-09 23:30")) is None
    assert comparable(named_period("All time", BERLIN, NOW, None), at("2026-01-01 00:00")) is None


@pytest.mark.parametrize(
    ("period", "until"),
    [
        # 06:00 in Berlin; on 28 March clocks go forward there.
        (lambda now: named_period("7 days", BERLIN, now, None), "2026-03-25 05:00"),
        (lambda now: custom_period(date(2026, 3, 30), date(2026, 4, 4), BERLIN, now), "2026-03-26 05:00"),
        (lambda now: month_period(2026, 4, BERLIN, now), "2026-03-01 05:00"),
        (lambda now: custom_period(date(2026, 3, 1), date(2026, 3, 31), BERLIN, now), None),
    ],
)
def test_while_a_period_goes_on_as_much_of_the_one_before_is_compared(period, until):
    now = at("2026-04-01 04:00") + timedelta(seconds=59, microseconds=1)
    before = comparable(period(now), None, now)
    assert before is not None
    assert before.until_at == (until and at(until))
    plays = history_of([play("2026-03-01 04:59", "a"), play("2026-03-25 04:59", "b"), play("2026-03-26 04:59", "c")])
    last = within(plays.local(BERLIN), replace(before, start=date(2026, 2, 1)))["played_at"].max()
    assert until is None or last == pd.Timestamp(until, tz="UTC") - pd.Timedelta(minutes=1)


def test_a_period_of_days_ends_today_and_its_predecessor_the_day_before_it_begins():
    period = named_period("28 days", BERLIN, at("2026-11-21 23:30"), None)
    assert (period.start, period.end, period.days) == (date(2026, 10, 26), date(2026, 11, 22), 28)
    before = period.previous
    assert before is not None
    assert (before.start, before.end) == (date(2026, 9, 28), date(2026, 10, 25))
    assert period.is_partial
    assert not before.is_partial


def test_all_time_begins_with_the_first_play_and_has_nothing_before():
    period = named_period("All time", KATHMANDU, NOW, at("2024-02-28 18:15"))
    assert (period.start, period.end) == (date(2024, 2, 29), date(2026, 11, 22))
    assert period.previous is None


def test_the_month_before_march_is_the_whole_of_february():
    before = month_period(2024, 3, "UTC", NOW).previous
    assert before is not None
    assert (before.start, before.end) == (date(2024, 2, 1), date(2024, 2, 29))
    before = year_period(2026, "UTC", NOW).previous
    assert before is not None
    assert (before.start, before.end) == (date(2025, 1, 1), date(2025, 12, 31))


@given(
    zone=st.sampled_from(zone_choices(None, None)),
    instant=st.datetimes(FIRST, LAST, timezones=st.just(UTC)),
)
def test_every_instant_is_in_the_period_of_its_own_local_day_and_in_no_neighbour(zone: str, instant: datetime):
    day = instant.astimezone(ZoneInfo(zone)).date()
    days_around = [day + timedelta(days=n) for n in (-1, 0, 1)]
    periods = [Period("Custom", d, d, zone, d) for d in days_around]
    assert [p.start_at <= instant < p.end_at for p in periods] == [False, True, False]
    assert all(first.end_at == second.start_at for first, second in pairwise(periods))


@settings(max_examples=25)
@given(
    zone=st.sampled_from(["Asia/Kathmandu", "Europe/Berlin", "America/St_Johns", "Pacific/Chatham", "Pacific/Apia"]),
    instants=st.lists(st.datetimes(FIRST, LAST), min_size=1, max_size=20, unique=True),
)
def test_the_wall_is_what_the_time_zone_database_says(zone: str, instants: list[datetime]):
    plays = [play(instant.isoformat(timespec="milliseconds"), f"{n:03}") for n, instant in enumerate(instants)]
    local = history_of(plays).local(zone)
    expected = [t.to_pydatetime().astimezone(ZoneInfo(zone)).replace(tzinfo=None) for t in local["played_at"]]
    assert local["wall"].tolist() == [pd.Timestamp(wall) for wall in expected]
    assert local["day"].tolist() == [pd.Timestamp(wall.date()) for wall in expected]
    assert local[["hour", "weekday"]].values.tolist() == [[wall.hour, wall.weekday()] for wall in expected]


def test_a_calendar_starts_its_weeks_on_monday_and_marks_gaps_and_days_to_come():
    plays = [play("2026-01-01 22:59", "a"), play("2026-01-01 23:00", "b")]
    gaps = gaps_of(("2026-01-04 10:00", "2026-01-05 10:00"))
    rows = days.calendar(history_of(plays).local(BERLIN), 2026, "Plays", gaps, BERLIN, NOW)
    assert rows["day"].tolist() == list(pd.date_range("2026-01-01", "2026-12-31"))
    assert rows.head(5)[["value", "week", "weekday", "is_gap"]].values.tolist() == [
        [1.0, 0, 3, False],
        [1.0, 0, 4, False],
        [0.0, 0, 5, False],
        [0.0, 0, 6, True],
        [0.0, 1, 0, True],
    ]
    assert rows.loc[rows["is_future"], "day"].iloc[0] == pd.Timestamp("2026-11-23")


def test_a_leap_year_that_begins_on_sunday_needs_54_weeks():
    rows = days.calendar(history_of([play("2012-06-01 10:00", "a")]).local("UTC"), 2012, "Plays", gaps_of(), "UTC", NOW)
    assert (len(rows), rows["week"].max()) == (366, 53)


def test_a_streak_survives_a_silent_morning_but_not_a_silent_day():
    plays = [play(f"2026-11-{day:02} 12:00", "a") for day in (1, 2, 3, 4, 10, 11)]
    local = history_of(plays).local("UTC")
    longest = (4, date(2026, 11, 1), date(2026, 11, 4))
    assert days.streaks(local, date(2026, 11, 12)) == (2, *longest)
    assert days.streaks(local, date(2026, 11, 13)) == (0, *longest)
    assert days.streaks(local, date(2026, 11, 5)) == (4, *longest), "the later days are of a clock that was ahead"
    assert days.streaks(local, date(2026, 11, 3)) == (3, 3, date(2026, 11, 1), date(2026, 11, 3))
    assert days.streaks(history_of([]).local("UTC"), date(2026, 11, 13)) == (0, 0, None, None)


def test_a_streak_follows_the_zone():
    plays = [play("2026-11-20 23:30", "a"), play("2026-11-21 12:00", "b")]
    local = history_of(plays)
    assert days.streaks(local.local("UTC"), date(2026, 11, 21)).current == 2
    assert days.streaks(local.local(BERLIN), date(2026, 11, 21)).current == 1


def test_the_busiest_day_is_the_later_one_of_equals():
    plays = [
        play("2026-11-01 12:00", "a"),
        play("2026-11-03 12:00", "a"),
        play("2026-11-02 12:00", "a", ms_played=1000),
    ]
    local = history_of(plays).local("UTC")
    assert days.busiest_day(local, "Minutes") == (date(2026, 11, 3), 3.0)
    assert days.busiest_day(local.head(0), "Minutes") is None
    # As numbers of minutes 30 and 35 seconds add up to more than 65.
    equals = [("2026-11-01 12:00", 30_000), ("2026-11-01 13:00", 35_000), ("2026-11-02 12:00", 65_000)]
    local = history_of([play(when, "a", ms_played=ms_played) for when, ms_played in equals]).local("UTC")
    assert days.busiest_day(local, "Minutes") == (date(2026, 11, 2), pytest.approx(65 / 60))


def test_a_gap_touches_days_of_the_zone():
    gaps = gaps_of(("2026-11-20 22:00", "2026-11-20 23:30"), ("2026-10-01 00:00", "2026-10-02 00:00"))
    assert days.gap_days(gaps, BERLIN, date(2026, 11, 1), date(2026, 11, 30)) == {
        date(2026, 11, 20),
        date(2026, 11, 21),
    }


def test_time_of_which_plays_may_be_missing_counts_once_and_only_within_the_stretch():
    """Before the stretch and into it, two that overlap, one inside of another, and one beyond its end."""
    gaps = gaps_of(
        ("2026-11-01 00:00", "2026-11-10 02:00"),
        ("2026-11-12 00:00", "2026-11-12 06:00"), ("2026-11-12 04:00", "2026-11-12 08:00"),
        ("2026-11-12 05:00", "2026-11-12 07:00"),
        ("2026-11-19 21:00", "2026-11-30 00:00"), ("2026-11-20 00:00", "2026-11-21 00:00"),
    )  # fmt: skip
    start, end = at("2026-11-10 00:00"), at("2026-11-20 00:00")
    # Two, eight and three hours, in whatever order the rows come.
    assert days.unknown_time(gaps, start, end) == timedelta(hours=13)
    assert days.unknown_time(gaps.iloc[::-1], start, end) == timedelta(hours=13)
    assert days.unknown_time(gaps_of(), start, end) == timedelta()


@pytest.mark.parametrize("name", [name for name in PERIODS if name != "Custom"])
def test_every_named_period_ends_today_wherever_the_listener_is(name: str):
    for zone, today in (("Pacific/Kiritimati", date(2026, 11, 23)), ("Pacific/Pago_Pago", date(2026, 11, 22))):
        assert named_period(name, zone, at("2026-11-22 11:00"), at("2026-01-01 00:00")).end == today
    assert midnight(date(2026, 11, 22), "Asia/Kathmandu") == at("2026-11-21 18:15")
