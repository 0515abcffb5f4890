"""Totals of a period (plays, minutes, artists, new tracks), its course by day, week or month, and the one before."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from analysis.history import History, amounts, measured_share, minutes, month_on
from analysis.periods import Period, collected, comparable, within

BARS = 45
"""More spark bars than this merge on a phone."""
_WEEKLY_UP_TO = 800
_FREQUENCIES = {"day": "D", "week": "W-SUN", "month": "M"}
_DAILY_UP_TO = 92


@dataclass(frozen=True)
class Totals:
    """One period in numbers. A track or artist is new when this period holds its first play ever."""

    plays: int
    minutes: float
    tracks: int
    artists: int
    new_tracks: int
    new_artists: int
    measured_share: float
    days_with_plays: int


def totals(history: History, local: pd.DataFrame, period: Period) -> Totals:
    plays = within(local, period)
    is_played = history.credits["track"].isin(plays["track"].unique())
    artists = pd.Index(history.credits["artist_key"][is_played].unique())
    first_tracks, first_artists = history.first_recordings, history.first_artists
    starts, ends = pd.Timestamp(period.start_at), pd.Timestamp(period.end_at)
    return Totals(
        plays=len(plays),
        minutes=minutes(plays),
        tracks=int(plays["recording"].nunique()),
        artists=len(artists),
        new_tracks=int(((first_tracks >= starts) & (first_tracks < ends)).sum()),
        new_artists=int(((first_artists >= starts) & (first_artists < ends)).sum()),
        measured_share=measured_share(plays),
        days_with_plays=int(plays["day"].nunique()),
    )


def trend(
    local: pd.DataFrame,
    period: Period,
    by: str,
    gap_days: Collection[date] = (),
    oldest_at: datetime | None = None,
) -> pd.DataFrame:
    """A row per day, week or month of the period: step_on, value, previous_on, previous, is_gap, is_partial.

    `previous` is the same step of the period before, NaN where there is none or collecting began later, at `oldest_at`;
    of weeks so many whole weeks before, on the same weekdays; of months so many whole months before, from the same day
    of the month. attrs["step"] names the step; attrs["before"] is the period that `previous` is of, or None.
    """
    step = "day" if period.days <= _DAILY_UP_TO else _week_or_month(period)
    steps = _steps(period, step)
    gaps = pd.DatetimeIndex(list(gap_days)).to_period(steps.freq)
    rows = _rows(steps, period)
    rows["value"] = _per_step(within(local, period), steps, by)
    before = comparable(period, oldest_at)
    rows["previous_on"], rows["previous"] = pd.NaT, np.nan
    if before is not None and step != "day":
        length = pd.DateOffset(weeks=period.days // 7) if step == "week" else pd.DateOffset(months=len(rows))
        # Its end from the day after it: what ends with a month is compared with what does.
        start, after = (pd.Timestamp(day) - length for day in (period.start, period.end + timedelta(days=1)))
        before = replace(before, start=start.date(), end=after.date() - timedelta(days=1))
        before = before if collected(before, oldest_at) == before else None
    if before is not None:
        earlier = _steps(before, step)[: len(rows)]
        rows.loc[: len(earlier) - 1, "previous"] = _per_step(within(local, before), earlier, by)
        rows.loc[: len(earlier) - 1, "previous_on"] = _start_days(earlier, before)
    rows["is_gap"] = steps.isin(gaps)
    rows.attrs |= {"step": step, "before": before}
    return rows


def per_month(plays: pd.DataFrame, by: str, first: date, last: date) -> pd.DataFrame:
    """A row per month from that of the first day to that of the last: month_on, value."""
    every = pd.date_range(pd.Timestamp(first).replace(day=1), pd.Timestamp(last), freq="MS")
    value = amounts(plays, by).groupby(month_on(plays)).sum().reindex(every, fill_value=0.0)
    return pd.DataFrame({"month_on": every, "value": value.to_numpy()})


def spark_bars(history: History, local: pd.DataFrame, period: Period, measure: str) -> list[float]:
    """The period in at most 45 equal parts: minutes, plays, artists or new_tracks in each."""
    days = -(-period.days // BARS)
    parts = -(-period.days // days)
    plays = within(local.drop_duplicates("recording") if measure == "new_tracks" else local, period)
    part = (plays["day"] - pd.Timestamp(period.start)).dt.days.to_numpy() // days
    if measure == "artists":
        pairs = pd.DataFrame({"track": plays["track"].to_numpy(), "part": part}).drop_duplicates()
        artists = pairs.merge(history.credits, on="track").groupby("part")["artist_key"].nunique()
        return [float(artists.get(number, 0)) for number in range(parts)]
    weights = plays["heard_ms"].to_numpy() / 60_000 if measure == "minutes" else None
    return [float(value) for value in np.bincount(part, weights=weights, minlength=parts)]


def begun_steps(period: Period) -> tuple[pd.PeriodIndex, pd.DataFrame]:
    """The weeks of a period that have begun, or its months if it is long, and a row for each: step_on, is_partial.

    attrs["step"] is week or month.
    """
    step = _week_or_month(period)
    steps = _steps(replace(period, end=period.begun_until), step)
    rows = _rows(steps, period)
    rows.attrs["step"] = step
    return steps, rows


def _week_or_month(period: Period) -> str:
    return "week" if period.days <= _WEEKLY_UP_TO else "month"


def _steps(period: Period, step: str) -> pd.PeriodIndex:
    return pd.period_range(pd.Timestamp(period.start), pd.Timestamp(period.end), freq=_FREQUENCIES[step])


def _rows(steps: pd.PeriodIndex, period: Period) -> pd.DataFrame:
    """step_on, is_partial: whether the step is not over yet."""
    is_partial = (steps == pd.Timestamp(period.today).to_period(steps.freq)) & period.is_partial
    return pd.DataFrame({"step_on": _start_days(steps, period), "is_partial": is_partial})


def _start_days(steps: pd.PeriodIndex, period: Period) -> pd.DatetimeIndex:
    """The first day of every step that lies in the period."""
    return pd.DatetimeIndex(np.maximum(steps.start_time.to_numpy(), pd.Timestamp(period.start).to_datetime64()))


def _per_step(plays: pd.DataFrame, steps: pd.PeriodIndex, by: str) -> np.ndarray:
    days = amounts(plays, by).groupby(plays["day"]).sum()
    sums = days.groupby(pd.DatetimeIndex(days.index).to_period(steps.freq)).sum()
    return np.asarray(sums.reindex(steps, fill_value=0.0), dtype=float)
