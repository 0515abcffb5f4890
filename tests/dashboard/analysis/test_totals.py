"""Totals of a period, trends and spark bars."""

from dataclasses import replace
from datetime import UTC, date

import pandas as pd
import pytest

from analysis import totals
from analysis.periods import custom_period, named_period, within
from tests.dashboard.invented.history import NOVEMBER, NOW, at, history_of, play, track


def test_plays_that_an_export_reports_as_short_are_kept_but_do_not_count():
    plays = [
        play("2026-11-01 10:00", "a", source="export", ms_played=29_999),
        play("2026-11-02 10:00", "a", source="export", ms_played=30_000),
        play("2026-11-03 10:00", "b"),
        play("2026-11-04 10:00", "b", ms_played=2_100),
    ]
    history = history_of(plays)
    assert len(history.plays) == 4
    counted = totals.totals(history, history.local("UTC"), NOVEMBER)
    assert (counted.plays, counted.minutes, counted.days_with_plays) == (2, 3.5, 2)
    assert counted.measured_share == pytest.approx(0.5 / 3.5)


def test_a_play_without_any_length_adds_no_time():
    history = history_of([play("2026-11-01 10:00", "a")], [track("a", duration_ms=None)])
    counted = totals.totals(history, history.local("UTC"), NOVEMBER)
    assert (counted.plays, counted.minutes) == (1, 0.0)


def test_totals_tell_what_is_new_in_the_period_and_what_was_known():
    tracks = [
        track("a"),
        track("b", artist_id="bo", artist_name="Bo", artist_names="Bo; Cy"),
        track("c", artist_id="cy", artist_name="Cy", album_id="dusk"),
    ]
    plays = [play("2026-10-01 10:00", "a"), play("2026-11-02 10:00", "a"), play("2026-11-03 10:00", "b")]
    history = history_of([*plays, play("2026-11-04 10:00", "c"), play("2026-11-05 10:00", "c")], tracks)
    counted = totals.totals(history, history.local("UTC"), NOVEMBER)
    assert (counted.plays, counted.tracks, counted.artists) == (4, 3, 3)
    assert (counted.new_tracks, counted.new_artists) == (2, 2)


def test_a_trend_lays_the_period_before_behind_each_day():
    plays = [play("2026-11-15 23:00", "a"), play("2026-11-16 01:00", "b"), play("2026-11-22 10:00", "a")]
    history = history_of([*plays, play("2026-11-09 10:00", "c"), play("2026-11-10 10:00", "c")])
    period = named_period("7 days", "UTC", NOW, None)
    rows = totals.trend(history.local("UTC"), period, "Plays", {date(2026, 11, 18)})
    assert rows.attrs["step"] == "day"
    assert rows["step_on"].tolist() == list(pd.date_range("2026-11-16", "2026-11-22"))
    assert rows["value"].tolist() == [1, 0, 0, 0, 0, 0, 1]
    assert rows["previous"].tolist() == [1, 1, 0, 0, 0, 0, 1]
    assert rows["previous_on"].iloc[0] == pd.Timestamp("2026-11-09")
    assert rows["is_gap"].tolist() == [False, False, True, False, False, False, False]
    assert rows["is_partial"].tolist() == [False] * 6 + [True]


def test_a_trend_has_nothing_behind_it_where_collecting_began_within_the_period_before():
    history = history_of([play("2026-11-10 10:00", "a"), play("2026-11-20 10:00", "a")])
    period = named_period("7 days", "UTC", NOW, None)
    rows = totals.trend(history.local("UTC"), period, "Plays", oldest_at=history.oldest_at)
    assert rows["value"].sum() == 1
    assert rows["previous"].isna().all()
    assert rows["previous_on"].isna().all()


def test_a_long_trend_is_drawn_by_week_and_a_longer_one_by_month_and_neither_loses_a_play():
    plays = [play(f"{year}-{month:02}-28 12:00", "a") for year in range(2020, 2027) for month in range(1, 12)]
    history = history_of(plays)
    local = history.local("UTC")
    for name, step in (("12 months", "week"), ("All time", "month")):
        period = named_period(name, "UTC", NOW, at("2020-01-28 12:00"))
        rows = totals.trend(local, period, "Plays")
        assert rows.attrs["step"] == step
        assert rows["value"].sum() == len(within(local, period))
        assert rows["step_on"].iloc[0] == pd.Timestamp(period.start)
        assert rows["step_on"].is_unique


@pytest.mark.parametrize("today", pd.date_range("2026-11-16", periods=7))
@pytest.mark.parametrize("days", [93, 94, 95, 96, 97, 98, 99, 365])
def test_a_week_is_compared_with_one_of_the_same_weekdays(today, days):
    """A play a day, two on Mondays and Tuesdays."""
    every = pd.date_range(today - pd.Timedelta(days=2 * days), today)
    plays = [play(f"{day:%Y-%m-%d} {hour}:00", "a") for day in every for hour in (10, 11)[: 2 - (day.weekday() > 1)]]
    now = today.to_pydatetime().replace(hour=12, tzinfo=UTC)
    period = custom_period((today - pd.Timedelta(days=days - 1)).date(), today.date(), "UTC", now)
    rows = totals.trend(history_of(plays).local("UTC"), period, "Plays")
    assert rows["previous"].tolist() == rows["value"].tolist()
    assert set(rows["step_on"] - rows["previous_on"]) == {pd.Timedelta(weeks=days // 7)}


@pytest.mark.parametrize(
    ("first", "last", "before", "total"),
    [
        # 29 February is in both, and 2024's alone in this one: the 1,096 days before begin on 31 October 2020.
        ((2023, 11, 1), (2026, 10, 31), ((2020, 11, 1), (2023, 10, 31)), 36),
        ((2022, 1, 1), (2024, 12, 31), ((2019, 1, 1), (2021, 12, 31)), 36),
        # Thirty-four months, the first and the last in part; the plays are on the 10th.
        ((2024, 2, 11), (2026, 11, 30), ((2021, 4, 11), (2024, 1, 31)), 33),
        ((2024, 2, 9), (2026, 11, 9), ((2021, 4, 9), (2024, 1, 9)), 33),
    ],
)
def test_a_month_is_compared_with_the_one_so_many_whole_months_before(first, last, before, total):
    """A play in each month from November 2018 on, on the 10th."""
    plays = [play(f"{month}-10 12:00", "a") for month in pd.period_range("2018-11", "2026-11", freq="M")]
    period = custom_period(date(*first), date(*last), "UTC", at("2026-12-01 12:00"))
    rows = totals.trend(history_of(plays).local("UTC"), period, "Plays", oldest_at=at("2018-11-10 12:00"))
    assert rows.attrs["step"] == "month"
    found = rows.attrs["before"]
    assert (found.start, found.end) == (date(*before[0]), date(*before[1]))
    assert rows["previous"].tolist() == rows["value"].tolist()
    assert rows["previous"].sum() == total
    months = rows["step_on"].dt.to_period("M") - rows["previous_on"].dt.to_period("M")
    assert {month.n for month in months} == {len(rows)}


def test_months_have_nothing_behind_them_where_the_first_of_those_before_is_known_in_part():
    """As many days before begin on 28 April 2021, as many months before on the 11th, and collecting did on the 20th."""
    period = custom_period(date(2024, 2, 11), date(2026, 11, 25), "UTC", at("2026-12-01 12:00"))
    history = history_of([play("2021-04-20 12:00", "a"), play("2026-11-10 12:00", "a")])
    rows = totals.trend(history.local("UTC"), period, "Plays", oldest_at=history.oldest_at)
    assert rows.attrs["before"] is None
    assert rows["previous"].isna().all()


def test_a_day_that_begins_twice_begins_once():
    """In St John's the clock went back from 00:01 on 7 November 2010 to 23:01: an hour of the 6th is in the 7th."""
    plays = [play("2010-11-07 02:35", "a"), play("2010-11-07 03:40", "b"), play("2010-11-08 12:00", "c")]
    history = history_of(plays)
    local = history.local("America/St_Johns")
    period = custom_period(date(2010, 11, 7), date(2010, 11, 8), "America/St_Johns", NOW)
    assert totals.totals(history, local, period).plays == 3
    assert totals.trend(local, period, "Plays")["value"].tolist() == [2, 1]
    for measure in ("plays", "new_tracks"):
        assert totals.spark_bars(history, local, period, measure) == [2, 1]
    assert totals.spark_bars(history, local, period, "artists") == [1, 1]
    assert totals.totals(history, local, replace(period, end=period.start)).days_with_plays == 1


def test_spark_bars_are_at_most_45_and_add_up():
    history = history_of([play(f"2026-{month:02}-10 12:00", "a") for month in range(1, 12)])
    local = history.local("UTC")
    for name in ("7 days", "28 days", "90 days", "12 months", "All time"):
        period = named_period(name, "UTC", NOW, at("2026-01-10 12:00"))
        bars = totals.spark_bars(history, local, period, "plays")
        assert len(bars) <= 45
        assert sum(bars) == len(within(local, period))
    year = named_period("12 months", "UTC", NOW, None)
    assert sum(totals.spark_bars(history, local, year, "minutes")) == 33
    assert sum(totals.spark_bars(history, local, year, "new_tracks")) == 1
    assert max(totals.spark_bars(history, local, year, "artists")) == 1
