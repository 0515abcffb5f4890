"""The listening clock: hours of the day and weekdays of the chosen time zone, to the quarter hour and across DST.

An hour's value is an average: its total, divided by how often that hour of the week occurred in the period outside of
gaps and had begun. Days are averaged over those that no gap touches. Where collecting began within the period, give
`periods.collected` of it.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analysis.history import amounts
from analysis.periods import Period, local_day

_QUARTERS, _QUARTER = 4, "15min"
_HOURS_A_WEEK = 7 * 24


class Peak(NamedTuple):
    """The hour of the week with the highest average."""

    weekday: int
    hour: int
    value: float


def clock(plays: pd.DataFrame, period: Period, by: str, now: datetime, gaps: pd.DataFrame) -> pd.DataFrame:
    """168 rows, Monday 00:00 first: weekday, hour, total, value (average of an hour that occurred).

    Plays inside a gap, as an import can bring them, are left out like their quarter of an hour. Where a gap leaves less
    than half of an hour, that is left out, too: a play of one quarter would stand for four. The hour under way counts
    whole.
    """
    next_hour = pd.Timestamp(now).floor("min") + timedelta(minutes=60 - now.astimezone(ZoneInfo(period.zone)).minute)
    until = max(min(period.end_at, next_hour), period.start_at)
    # Every zone in use is a whole number of quarter hours off UTC, so quarters of UTC are quarters of local hours.
    quarters = pd.date_range(period.start_at, until, freq=_QUARTER, inclusive="left").tz_convert("UTC")
    wall = quarters.tz_convert(period.zone)
    # What is missing up to now is missing in all of the hour under way.
    is_missing = _inside(quarters, gaps.assign(gap_end=gaps["gap_end"].mask(gaps["gap_end"] >= now, until)))
    hour = quarters - pd.to_timedelta(wall.minute, unit="min")
    missing = hour[is_missing].value_counts()
    is_missing |= hour.isin(missing.index[missing > _QUARTERS / 2])
    plays = plays[~plays["played_at"].dt.floor(_QUARTER).isin(quarters[is_missing])]
    hour_of_week = plays["weekday"].to_numpy(dtype="int64") * 24 + plays["hour"].to_numpy()
    total = np.bincount(hour_of_week, weights=amounts(plays, by), minlength=_HOURS_A_WEEK)
    begun = wall[~is_missing]
    # An hour that DST repeats counts twice, one it skips not at all.
    occurred = np.bincount(begun.day_of_week * 24 + begun.hour, minlength=_HOURS_A_WEEK) / _QUARTERS
    hours = np.arange(_HOURS_A_WEEK)
    value = np.divide(total, occurred, out=np.zeros(_HOURS_A_WEEK), where=occurred > 0)
    return pd.DataFrame({"weekday": hours // 24, "hour": hours % 24, "total": total, "value": value})


def peak(hours: pd.DataFrame) -> Peak | None:
    """None where nothing was played in an hour that counts."""
    if not hours["value"].any():
        return None
    best = hours.loc[hours["value"].idxmax()]
    return Peak(int(best["weekday"]), int(best["hour"]), float(best["value"]))


def by_hour(plays: pd.DataFrame, by: str) -> pd.DataFrame:
    """24 rows: hour, share of all minutes or plays."""
    total = np.bincount(plays["hour"].to_numpy(), weights=amounts(plays, by), minlength=24)
    whole = total.sum()
    return pd.DataFrame({"hour": np.arange(24), "share": total / whole if whole else total})


def by_weekday(
    plays: pd.DataFrame, period: Period, by: str, now: datetime, gap_days: Collection[date] = ()
) -> pd.DataFrame:
    """Seven rows, Monday first: weekday, value (an average day without a gap, today included).

    NaN where there was no such day.
    """
    days = _days_without_gap(period, now, gap_days)
    counted = plays[plays["day"].isin(days)]
    total = np.bincount(counted["weekday"].to_numpy(), weights=amounts(counted, by), minlength=7)
    occurred = np.bincount(days.day_of_week, minlength=7)
    value = np.divide(total, occurred, out=np.full(7, np.nan), where=occurred > 0)
    return pd.DataFrame({"weekday": np.arange(7), "value": value})


def per_day(plays: pd.DataFrame, period: Period, by: str, now: datetime, gap_days: Collection[date]) -> float | None:
    """The average over days without a gap, today only where no other has a play.

    None where they hold no play, or none of a known length.
    """
    days = _days_without_gap(period, now, gap_days)
    over = days[days < pd.Timestamp(local_day(now, period.zone))]
    days = over if plays["day"].isin(over).any() else days
    whole = float(amounts(plays[plays["day"].isin(days)], by).sum())
    return whole / len(days) if whole else None


def _days_without_gap(period: Period, now: datetime, gap_days: Collection[date]) -> pd.DatetimeIndex:
    last = min(period.end, local_day(now, period.zone))
    return pd.date_range(period.start, last).difference(pd.DatetimeIndex(list(gap_days)))


def _inside(quarters: pd.DatetimeIndex, gaps: pd.DataFrame) -> np.ndarray:
    """Which quarters lie in a gap: from the first that begins in a gap to the one before the gap's end."""
    inside = np.zeros(len(quarters), dtype=bool)
    firsts = quarters.searchsorted(pd.DatetimeIndex(gaps["gap_start"]))
    lasts = quarters.searchsorted(pd.DatetimeIndex(gaps["gap_end"]).floor(_QUARTER))
    for first, last in zip(firsts, lasts, strict=True):
        inside[first:last] = True
    return inside
