"""Invented listeners: their habits, time zones, quiet days and holidays."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache, cached_property
from zoneinfo import ZoneInfo

from localcloud.listeners.music import spotify_id
from localcloud.listeners.names import seeded

# A listener's day ends in the small hours, so that an evening that runs past midnight stays in one piece.
_DAY_STARTS = time(4)
_PUBLIC_HOLIDAYS = {(1, 1), (5, 1), (12, 24), (12, 25), (12, 26), (12, 31)}

Hours = Mapping[int, float]
"""How likely a sitting starts in each local hour, as weights."""

_OFFICE: Hours = {7: 3, 8: 2, 9: 4, 10: 3, 11: 2, 13: 3, 14: 3, 15: 2, 17: 4, 18: 2, 20: 2, 21: 1}
_LATE: Hours = {11: 1, 13: 1, 16: 2, 18: 3, 20: 4, 21: 5, 22: 5, 23: 4, 0: 3, 1: 2}
_FREE: Hours = {9: 1, 10: 3, 11: 4, 12: 3, 14: 3, 15: 3, 16: 3, 18: 2, 20: 3, 21: 3, 22: 2}


@dataclass(frozen=True)
class Habits:
    """How one listener lives. Shares are between 0 and 1."""

    plays_on_workdays: float = 32
    plays_on_days_off: float = 40
    hours_on_workdays: Hours = field(default_factory=lambda: _OFFICE)
    hours_on_days_off: Hours = field(default_factory=lambda: _FREE)
    quiet_share: float = 0.08
    """Days without any music, besides the silent holidays."""
    albums: float = 4
    playlists: float = 3
    artists: float = 1
    liked_songs: float = 1
    radio: float = 1
    """Weights of what a sitting plays; `radio` is music that Spotify gives no context for."""
    finds_per_week: float = 1.2
    obsessions_per_week: float = 0.35
    restless_share: float = 0.08
    """Sittings in which tracks are skipped after half a minute, as many as `restless_skips` says."""
    restless_skips: float = 0.55
    """Above about 0.8 an hour can hold more plays than Spotify ever shows."""
    offline_share: float = 0.015
    """Sittings that Spotify learns of only when the device is back on line."""
    late_share: float = 0.015
    """Plays that become visible between three minutes and two days late."""


@dataclass(frozen=True)
class InventedListener:
    slug: str
    display_name: str
    time_zone: str
    habits: Habits = field(default_factory=Habits)
    begins_on: date = date(2023, 1, 1)
    """The first local day of this life; nothing was played before it."""

    @cached_property
    def user_id(self) -> str:
        """Spotify's `id`, which is not to be used for linking."""
        return f"invented-{self.slug}"

    @cached_property
    def account_id(self) -> str:
        return spotify_id(seeded("account", self.slug))

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def day_of(self, instant: datetime) -> date:
        """The listening day that an instant belongs to."""
        return (instant.astimezone(self.zone) - timedelta(hours=_DAY_STARTS.hour)).date()

    def start_of(self, day: date) -> datetime:
        """When a listening day begins, with the listener's time zone."""
        return datetime.combine(day, _DAY_STARTS, self.zone)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What one day is like before anything was played on it."""

    plays: float
    hours: Hours


def rhythm(listener: InventedListener, day: date, seed: int) -> Rhythm:
    habits = listener.habits
    rng = seeded(seed, listener.slug, "rhythm", day)
    holiday = _holidays(seed, listener.slug, day.year).get(day)
    if rng.random() < habits.quiet_share or holiday == "silent":
        return Rhythm(0, {})
    mood = rng.lognormvariate(0, 0.35)
    if holiday or day.weekday() >= 5 or (day.month, day.day) in _PUBLIC_HOLIDAYS:
        return Rhythm(habits.plays_on_days_off * mood, habits.hours_on_days_off)
    return Rhythm(habits.plays_on_workdays * mood, habits.hours_on_workdays)


@cache
def _holidays(seed: int, slug: str, year: int) -> dict[date, str]:
    """Two stretches a year; on some the listener hears nothing at all. None runs into the next year."""
    rng = seeded(seed, slug, "holidays", year)
    days: dict[date, str] = {}
    for _ in range(2):
        first, kind = date(year, 1, 1) + timedelta(rng.randrange(345)), rng.choice(("silent", "free", "free"))
        days |= {first + timedelta(n): kind for n in range(rng.randint(5, 15))}
    return days


_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_CHARACTERS = (
    ("Europe/Berlin", Habits()),
    (
        "America/New_York",
        Habits(48, 56, _LATE, _LATE, 0.05, albums=1, playlists=5, radio=2, restless_share=0.2, obsessions_per_week=0.6),
    ),
    ("Asia/Tokyo", Habits(9, 26, _OFFICE, _FREE, 0.35, albums=2, artists=2, liked_songs=3, finds_per_week=0.4)),
)


def invented_listeners(count: int) -> list[InventedListener]:
    """listener-one, listener-two, …: three characters in turn."""
    names = [*_NUMBERS, *map(str, range(len(_NUMBERS) + 1, count + 1))][:count]
    return [
        InventedListener(f"listener-{name}", f"Invented Listener {name.capitalize()}", *_CHARACTERS[n % 3])
        for n, name in enumerate(names)
    ]
