"""Periods of local days: the chosen one, the one of the same length before it, months and years.

A day is a day of the chosen time zone, so it may have 23 or 25 hours; only its two ends are turned into instants.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

DAYS = {"7 days": 7, "28 days": 28, "90 days": 90, "12 months": 365}
ALL_TIME = "All time"
CUSTOM = "Custom"
PERIODS = (*DAYS, ALL_TIME, CUSTOM)
DEFAULT_PERIOD = "28 days"


@dataclass(frozen=True)
class Period:
    """From `start` to `end`, both included, in `zone`; `today` is the local day it was asked for.

    `until_at`: an instant of it after which plays do not count.
    """

    name: str
    start: date
    end: date
    zone: str
    today: date
    until_at: datetime | None = None

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def start_at(self) -> datetime:
        return midnight(self.start, self.zone)

    @property
    def end_at(self) -> datetime:
        """The first instant that is no longer in the period."""
        whole = midnight(self.end + timedelta(days=1), self.zone)
        return min(whole, self.until_at) if self.until_at else whole

    @property
    def is_partial(self) -> bool:
        """Whether its last day is still going on."""
        return self.start <= self.today <= self.end

    @property
    def begun_until(self) -> date:
        """Its last day that has begun; of a period to come its last one: plays in it are of a wrong clock."""
        return self.end if self.start > self.today else min(self.end, self.today)

    @property
    def previous(self) -> "Period | None":
        """As many days just before; for a whole month or year the month or year before; nothing before all time."""
        if self.name == ALL_TIME:
            return None
        end = self.start - timedelta(days=1)
        starts = {"month": end.replace(day=1), "year": end.replace(month=1, day=1)}
        start = starts.get(self.name, self.start - timedelta(days=self.days))
        return replace(self, start=start, end=end, until_at=None)


def midnight(day: date, zone: str) -> datetime:
    """When a local day begins, in UTC."""
    return datetime.combine(day, time(0), ZoneInfo(zone)).astimezone(UTC)


def local_day(instant: datetime, zone: str) -> date:
    return instant.astimezone(ZoneInfo(zone)).date()


def named_period(name: str, zone: str, now: datetime, oldest_at: datetime | None) -> Period:
    """One of the periods that end today; all time begins with the first play."""
    today = local_day(now, zone)
    if name == ALL_TIME:
        return Period(name, min(local_day(oldest_at, zone), today) if oldest_at else today, today, zone, today)
    return Period(name, today - timedelta(days=DAYS[name] - 1), today, zone, today)


def custom_period(start: date, end: date, zone: str, now: datetime) -> Period:
    return Period(CUSTOM, min(start, end), max(start, end), zone, local_day(now, zone))


def year_period(year: int, zone: str, now: datetime) -> Period:
    """A calendar year, whole even while it is going on."""
    return Period("year", date(year, 1, 1), date(year, 12, 31), zone, local_day(now, zone))


def month_period(year: int, month: int, zone: str, now: datetime) -> Period:
    start = date(year, month, 1)
    end = (start + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return Period("month", start, end, zone, local_day(now, zone))


def collected(period: Period, oldest_at: datetime | None) -> Period:
    """The part of a period that averages may divide by: not the days before the listener's first play was collected."""
    if oldest_at is None:
        return period
    first = local_day(oldest_at, period.zone)
    return replace(period, start=min(max(period.start, first), period.end))


def comparable(period: Period, oldest_at: datetime | None, now: datetime | None = None) -> Period | None:
    """The period before where collecting had begun by its first day: of any other one only a part is known.

    With `now`, of that one as much as has passed, to the minute, of a period that still goes on.
    """
    earlier = period.previous
    if earlier is None or (oldest_at is not None and earlier.start < local_day(oldest_at, earlier.zone)):
        return None
    if now is None or not period.is_partial:
        return earlier
    day, zone = earlier.start + (period.today - period.start), ZoneInfo(period.zone)
    clock = now.astimezone(zone).time().replace(second=0, microsecond=0)
    return replace(earlier, until_at=datetime.combine(day, clock, zone).astimezone(UTC))


def within(local: pd.DataFrame, period: Period) -> pd.DataFrame:
    """The plays of a `History.local` frame, which is sorted by instant, that stand in the period.

    A clock set back over midnight repeats the end of a day after the next has begun: here that is of the next.
    """
    instants, start = local["played_at"], pd.Timestamp(period.start)
    first, last = instants.searchsorted([pd.Timestamp(period.start_at), pd.Timestamp(period.end_at)])
    plays = local.iloc[first:last]
    return plays.assign(day=plays["day"].clip(lower=start)) if (plays["day"] < start).any() else plays
