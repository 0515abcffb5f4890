"""Days: the calendar of a year, streaks, the busiest day, those with gaps. Sessions: plays without a long break."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.history import History, amounts, exact_amounts, per_amount
from analysis.periods import local_day, within, year_period
from analysis.tops import last_played

BREAK_MINUTES = 30
LONGEST = 5
_ONE_DAY = timedelta(days=1)


class Streaks(NamedTuple):
    """Days with music in a row. The current one may end yesterday: today is not over. Later days, of a clock that was
    ahead, do not count."""

    current: int
    longest: int
    longest_start: date | None
    longest_end: date | None


class BusiestDay(NamedTuple):
    """The day with the most minutes or plays, the later one of equals."""

    day: date
    value: float


def calendar(local: pd.DataFrame, year: int, by: str, gaps: pd.DataFrame, zone: str, now: datetime) -> pd.DataFrame:
    """A row per day of the year: day, value, week (0 to 53), weekday (0 is Monday), month, is_gap, is_future.

    `week` counts from the Monday on or before 1 January.
    """
    period = year_period(year, zone, now)
    days = pd.date_range(period.start, period.end)
    plays = within(local, period)
    value = amounts(plays, by).groupby(plays["day"]).sum().reindex(days, fill_value=0.0)
    gap_index = pd.DatetimeIndex(sorted(gap_days(gaps, zone, period.start, period.end)))
    rows = pd.DataFrame({"day": days, "value": value.to_numpy(dtype=float)})
    return rows.assign(
        week=(days.day_of_year - 1 + days[0].weekday()) // 7,
        weekday=days.day_of_week,
        month=days.month,
        is_gap=days.isin(gap_index),
        is_future=days > pd.Timestamp(period.today),
    )


def gap_days(gaps: pd.DataFrame, zone: str, start: date, end: date) -> set[date]:
    """Local days in which a part of a gap lies."""
    days: set[date] = set()
    for gap_start, gap_end in zip(gaps["gap_start"], gaps["gap_end"], strict=True):
        first, last = max(local_day(gap_start, zone), start), min(local_day(gap_end, zone), end)
        days |= {first + n * _ONE_DAY for n in range((last - first).days + 1)}
    return days


def unknown_time(gaps: pd.DataFrame, start: datetime, end: datetime) -> timedelta:
    """How much of the time between two instants lies in gaps, which may overlap."""
    unknown, reached = timedelta(), start
    for gap_start, gap_end in sorted(zip(gaps["gap_start"], gaps["gap_end"], strict=True)):
        unknown += max(min(gap_end, end) - max(gap_start, reached), timedelta())
        reached = max(reached, gap_end)
    return unknown


def streaks(local: pd.DataFrame, today: date) -> Streaks:
    days = local.loc[local["day"] <= pd.Timestamp(today), "day"].drop_duplicates().reset_index(drop=True)
    if days.empty:
        return Streaks(0, 0, None, None)
    number = (days.diff() != pd.Timedelta(days=1)).cumsum()
    runs = days.groupby(number).agg(["min", "max", "size"])
    longest = runs.loc[runs["size"].idxmax()]
    newest = runs.iloc[-1]
    return Streaks(
        int(newest["size"]) if newest["max"] >= pd.Timestamp(today - _ONE_DAY) else 0,
        int(longest["size"]),
        longest["min"].date(),
        longest["max"].date(),
    )


def busiest_day(plays: pd.DataFrame, by: str) -> BusiestDay | None:
    if plays.empty:
        return None
    days = exact_amounts(plays, by).groupby(plays["day"]).sum()
    best = np.flatnonzero(days.to_numpy() == days.max())[-1]
    return BusiestDay(days.index[best].date(), float(days.iloc[best]) / per_amount(by))


def all_sessions(local: pd.DataFrame, zone: str) -> pd.DataFrame:
    """A row per session, the oldest first: start (on the clock of the zone), minutes, plays, first_row.

    A play is stored with its end, so it began its `heard_ms` before.
    """
    ends = local["played_at"]
    begins = ends - pd.to_timedelta(local["heard_ms"], unit="ms")
    breaks = (begins - ends.shift()) > pd.Timedelta(minutes=BREAK_MINUTES)
    number = breaks.cumsum().to_numpy()
    frame = pd.DataFrame(
        {
            "begin": begins.dt.tz_convert(zone).dt.tz_localize(None),
            "heard_ms": local["heard_ms"],
            "row": np.arange(len(local)),
        }
    )
    rows = frame.groupby(number).agg(
        start=("begin", "first"),
        minutes=("heard_ms", "sum"),
        plays=("row", "size"),
        first_row=("row", "first"),
    )
    return rows.assign(minutes=rows["minutes"] / 60_000).reset_index(drop=True)


def longest_sessions(local: pd.DataFrame, zone: str, count: int = LONGEST) -> pd.DataFrame:
    """The sessions with the most minutes, the longest first."""
    return all_sessions(local, zone).nlargest(count, "minutes", keep="first").reset_index(drop=True)


def tracks_of_session(history: History, local: pd.DataFrame, session: pd.Series) -> pd.DataFrame:
    """The plays of one session, the oldest first, with names and links."""
    part = local.iloc[int(session["first_row"]) :].head(int(session["plays"]))
    return last_played(history, part, len(part)).iloc[::-1].reset_index(drop=True)
