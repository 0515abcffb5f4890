"""Validates the filter bar's values from the URL: listener, period, dates, measure, time zone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from zoneinfo import available_timezones

from analysis.periods import CUSTOM, DEFAULT_PERIOD, PERIODS, Period, custom_period, local_day, named_period

COUNT_BY = ("Minutes", "Plays")
FIRST_DAY = date(2006, 1, 1)
"""Spotify was founded in that year: no play is older."""


@dataclass(frozen=True)
class Filters:
    """Validated choices of the viewer."""

    listener: str
    period: str
    dates: tuple[date, date] | None
    """The first and the last day of the period Custom; of no other."""
    by: str
    zone: str

    def as_query(self) -> dict[str, str | list[str]]:
        """The same choice as parameters of a link."""
        query: dict[str, str | list[str]] = {"listener": self.listener, "period": self.period}
        if self.dates:
            query["dates"] = [day.isoformat() for day in self.dates]
        return {**query, "by": self.by, "zone": self.zone}


def checked(
    raw: Mapping[str, str],
    dates: Sequence[str],
    allowed: Sequence[str],
    now: datetime,
    home_zone: str | None = None,
    browser_zone: str | None = None,
) -> Filters:
    """Untrusted values as filters: an unknown or forbidden value becomes the default, silently.

    `allowed` must not be empty: a viewer without listeners gets no filters.
    """
    zone = valid_zone(raw.get("zone")) or default_zone(home_zone, browser_zone)
    period = _one_of(raw, "period", PERIODS, DEFAULT_PERIOD)
    chosen = _dates(dates, local_day(now, zone), last_day(now)) if period == CUSTOM else None
    return Filters(
        listener=_one_of(raw, "listener", allowed, allowed[0]),
        period=DEFAULT_PERIOD if period == CUSTOM and chosen is None else period,
        dates=chosen,
        by=_one_of(raw, "by", COUNT_BY, COUNT_BY[0]),
        zone=zone,
    )


def period_of(filters: Filters, now: datetime, oldest_at: datetime | None) -> Period:
    if filters.dates:
        return custom_period(*filters.dates, filters.zone, now)
    return named_period(filters.period, filters.zone, now, oldest_at)


def default_zone(home_zone: str | None, browser_zone: str | None) -> str:
    """The listener's home, else where the browser is, else UTC; never where the server is."""
    return valid_zone(home_zone) or valid_zone(browser_zone) or "UTC"


def valid_zone(name: str | None) -> str | None:
    """An IANA name in this machine's database, legacy aliases included; anything else is None."""
    return name if name in _known_zones() else None


def last_day(now: datetime) -> date:
    """Today where it is latest: what ends there today stays chosen when the zone changes."""
    return local_day(now, "Pacific/Kiritimati")


def zone_choices(home_zone: str | None, browser_zone: str | None, chosen: str = "") -> list[str]:
    """The likely ones first, then every zone of the world; of other names, as Japan, only the chosen one."""
    likely = [zone for zone in (valid_zone(home_zone), valid_zone(browser_zone), "UTC") if zone]
    return list(dict.fromkeys([*likely, *sorted(zone for zone in _known_zones() if "/" in zone or zone == chosen)]))


@cache
def _known_zones() -> frozenset[str]:
    """Not localtime, which is where the server is, nor Factory, which is nowhere."""
    odd = ("posix/", "right/", "Etc/Unknown", "localtime", "Factory")
    return frozenset(zone for zone in available_timezones() if not zone.startswith(odd))


def _one_of(raw: Mapping[str, str], key: str, choices: Sequence[str], default: str) -> str:
    value = raw.get(key, default)
    return value if value in choices else default


def _dates(values: Sequence[str], today: date, last: date) -> tuple[date, date] | None:
    try:
        start, end = sorted(date.fromisoformat(value) for value in values)
    except ValueError:  # no dates, or not two
        return None
    return (min(start, today), min(end, today)) if FIRST_DAY <= start <= last else None
