"""The listening clock: hours of the day and weekdays of the chosen time zone, to the quarter hour and across DST.

An hour's value is what an average one holds, so it is divided by how often that hour occurred in the period and was
watched: hours inside a gap are left out, and so is what is still to come. Days are averaged over those that no gap
touches. Where collecting began within the period, give `periods.collected` of it.
"""

from collections.abc import Collection
from datetime import date, datetime
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.history import amounts
from analysis.periods import Period, local_day

_QUARTERS, _QUARTER = 4, "15min"
_HOURS_A_WEEK = 7 * 24


class Peak(NamedTuple):
    """The hour of the week that holds most."""

    weekday: int
    hour: int
    value: float


def clock(
    heard: pd.DataFrame, period: Period, by: str, now: datetime, gaps: pd.DataFrame | None = None
) -> pd.DataFrame:
    """168 rows, Monday 00:00 first: weekday, hour, total, value (average of an hour that occurred).

    Plays in a quarter that was not watched, as an import can bring them, are left out like the quarter itself.
    """
    quarters = _quarters(period, now)
    is_missing = _inside(quarters, gaps) if gaps is not None else np.zeros(len(quarters), dtype=bool)
    heard = heard[~heard["played_at"].dt.floor(_QUARTER).isin(quarters[is_missing])]
    hour_of_week = heard["weekday"].to_numpy(dtype="int64") * 24 + heard["hour"].to_numpy()
    total = np.bincount(hour_of_week, weights=amounts(heard, by), minlength=_HOURS_A_WEEK)
    occurred = _occurrences(quarters[~is_missing].tz_convert(period.zone))
    hours = np.arange(_HOURS_A_WEEK)
    value = np.divide(total, occurred, out=np.zeros(_HOURS_A_WEEK), where=occurred > 0)
    return pd.DataFrame({"weekday": hours // 24, "hour": hours % 24, "total": total, "value": value})


def peak(hours: pd.DataFrame) -> Peak | None:
    if not hours["total"].any():
        return None
    best = hours.loc[hours["value"].idxmax()]
    return Peak(int(best["weekday"]), int(best["hour"]), float(best["value"]))


def by_hour(heard: pd.DataFrame, by: str) -> pd.DataFrame:
    """24 rows: hour, share of what was heard."""
    total = np.bincount(heard["hour"].to_numpy(), weights=amounts(heard, by), minlength=24)
    whole = total.sum()
    return pd.DataFrame({"hour": np.arange(24), "share": total / whole if whole else total})


def by_weekday(
    heard: pd.DataFrame, period: Period, by: str, now: datetime, gap_days: Collection[date] = ()
) -> pd.DataFrame:
    """Seven rows, Monday first: weekday, value (an average day that was watched from end to end, or is today).

    NaN where there was no such day.
    """
    days = _watched_days(period, now, gap_days)
    watched = heard[heard["day"].isin(days)]
    total = np.bincount(watched["weekday"].to_numpy(), weights=amounts(watched, by), minlength=7)
    occurred = np.bincount(days.day_of_week, minlength=7)
    value = np.divide(total, occurred, out=np.full(7, np.nan), where=occurred > 0)
    return pd.DataFrame({"weekday": np.arange(7), "value": value})


def per_day(
    heard: pd.DataFrame, period: Period, by: str, now: datetime, gap_days: Collection[date] = ()
) -> float | None:
    """What an average day of those in `by_weekday` holds; None where a gap touches every one."""
    days = _watched_days(period, now, gap_days)
    watched = heard[heard["day"].isin(days)]
    return float(amounts(watched, by).sum()) / len(days) if len(days) else None


def _watched_days(period: Period, now: datetime, gap_days: Collection[date]) -> pd.DatetimeIndex:
    last = min(period.end, local_day(now, period.zone))
    return pd.date_range(period.start, last).difference(pd.DatetimeIndex(list(gap_days)))


def _quarters(period: Period, now: datetime) -> pd.DatetimeIndex:
    """The quarter hours (UTC) of the period that have begun.

    Every zone in use is a whole number of quarter hours off UTC, so quarters of UTC are quarters of local hours.
    """
    until = min(period.end_at, now)
    quarters = pd.date_range(period.start_at, max(until, period.start_at), freq=_QUARTER, inclusive="left")
    return quarters.tz_convert("UTC")


def _occurrences(quarters: pd.DatetimeIndex) -> np.ndarray:
    """How many of each hour of the week there were; an hour that DST repeats counts twice, one it skips not at all."""
    counted = np.bincount(quarters.day_of_week.to_numpy() * 24 + quarters.hour.to_numpy(), minlength=_HOURS_A_WEEK)
    return np.asarray(counted / _QUARTERS)


def _inside(quarters: pd.DatetimeIndex, gaps: pd.DataFrame) -> np.ndarray:
    """The quarters of which nothing is known: from the first that begins in a gap to the one before the gap's end."""
    inside = np.zeros(len(quarters), dtype=bool)
    firsts = quarters.searchsorted(pd.DatetimeIndex(gaps["gap_start"]))
    lasts = quarters.searchsorted(pd.DatetimeIndex(gaps["gap_end"]).floor(_QUARTER))
    for first, last in zip(firsts, lasts, strict=True):
        inside[first:last] = True
    return inside
