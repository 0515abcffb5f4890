"""Every play of an invented listener: when it ended, and when Spotify showed it; the same for the same seed.

Each day follows from seed, listener and date alone, in whatever order they are computed.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from localcloud.listeners.listeners import InventedListener, rhythm
from localcloud.listeners.music import Catalogue, Track
from localcloud.listeners.names import seeded
from localcloud.listeners.tastes import Context, Stream, Taste

WINDOW = 50
"""How many plays Spotify ever shows: there is no way to get further back."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTES_PER_PLAY = 3.4
_SITTING_MINUTES = 45
_RESTLESS_MINUTES = 20
_SHORTEST_PLAY_MS = 30_500
_LATE_SECONDS = (180.0, 2 * 86_400.0)


@dataclass(frozen=True, slots=True)
class Play:
    """One play as it truly was."""

    listener: str
    played_at: datetime
    """When it ended, in UTC, to the millisecond."""
    ms_played: int
    """How long it was played, in milliseconds. Spotify's data export has it, its API does not."""
    track: Track
    context: Context | None
    visible_at: datetime | None
    """From when on Spotify shows it; None is never."""

    def is_visible(self, at: datetime) -> bool:
        return self.visible_at is not None and self.visible_at <= at


class Life:
    def __init__(self, listener: InventedListener, catalogue: Catalogue, seed: int) -> None:
        self.listener = listener
        self._seed = seed
        self._taste = Taste(listener, catalogue, seed)
        self._days: dict[date, list[Play]] = {}

    @property
    def begins_at(self) -> datetime:
        return self.listener.start_of(self.listener.begins_on)

    def between(self, since: datetime, until: datetime) -> list[Play]:
        """Plays that ended from `since` up to, but not including, `until`; the oldest first."""
        listener = self.listener
        day, last = max(listener.day_of(since), listener.begins_on), listener.day_of(until)
        plays: list[Play] = []
        while day <= last:
            plays += self._day(day)
            day += timedelta(days=1)
        return plays[_first_at(plays, since) : _first_at(plays, until)]

    def newest(self, at: datetime, count: int = WINDOW) -> list[Play]:
        """The newest plays that Spotify shows at an instant, the newest first."""
        plays: list[Play] = []
        day = self.listener.day_of(at)
        while day >= self.listener.begins_on and len(plays) < count:
            plays += (play for play in reversed(self._day(day)) if play.is_visible(at))
            day -= timedelta(days=1)
        return plays[:count]

    def _day(self, day: date) -> list[Play]:
        """All plays of one day. They lie within it, so that days can be joined without sorting."""
        if day in self._days:
            return self._days[day]
        rng = seeded(self._seed, self.listener.slug, day)
        now_ms = _to_ms(self.listener.start_of(day))
        end_ms = _to_ms(self.listener.start_of(day + timedelta(days=1)))
        plays: list[Play] = []
        for start_ms, length_ms in self._sittings(day, rng):
            start_ms = max(start_ms, now_ms + 60_000)
            until_ms = min(start_ms + length_ms, end_ms - 1)
            plays += self._sit(self._taste.sitting(day, rng), start_ms, until_ms, rng)
            now_ms = _to_ms(plays[-1].played_at) if plays else now_ms
        self._days[day] = plays
        return plays

    def _sittings(self, day: date, rng: Random) -> list[tuple[int, int]]:
        """Start and length of each sitting, in milliseconds."""
        mood = rhythm(self.listener, day, self._seed)
        minutes = mood.plays * _MINUTES_PER_PLAY
        if not minutes:
            return []
        count = 1 + int(minutes / _SITTING_MINUTES)
        midnight = self.listener.start_of(day).replace(hour=0)
        starts = []
        for hour in rng.choices(list(mood.hours), list(mood.hours.values()), k=count):
            after_midnight = timedelta(hours=hour if hour >= 4 else hour + 24, minutes=rng.randrange(60))
            starts.append(_to_ms(midnight + after_midnight))
        return [(start, int(minutes / count * rng.uniform(0.5, 1.5) * 60_000)) for start in sorted(starts)]

    def _sit(self, stream: Stream, now_ms: int, until_ms: int, rng: Random) -> list[Play]:
        habits = self.listener.habits
        skip_share = 0.06
        if rng.random() < habits.restless_share:
            skip_share, until_ms = habits.restless_skips, min(until_ms, now_ms + _RESTLESS_MINUTES * 60_000)
        played: list[tuple[int, int, Track, Context | None]] = []
        for track, context in stream:
            skipped = rng.random() < skip_share
            ms_played = _SHORTEST_PLAY_MS + int(rng.expovariate(1 / 4_000)) if skipped else track.duration_ms
            ms_played = min(ms_played, track.duration_ms)
            if now_ms + ms_played > until_ms:
                break
            now_ms += ms_played
            played.append((now_ms, ms_played, track, context))
            now_ms += rng.randrange(100, 900) if rng.random() < 0.95 else rng.randrange(5_000, 240_000)
        # When Spotify learns of each play of the session.
        offline = rng.random() < habits.offline_share
        synced_at = _from_ms(played[-1][0] + rng.randrange(60_000, 1_200_000)) if played and offline else None
        plays = []
        for ended_ms, ms_played, track, context in played:
            played_at = _from_ms(ended_ms)
            visible_at = synced_at or self._visible_at(played_at, rng)
            plays.append(Play(self.listener.slug, played_at, ms_played, track, context, visible_at))
        return plays

    def _visible_at(self, played_at: datetime, rng: Random) -> datetime:
        if rng.random() < self.listener.habits.late_share:
            shortest, longest = map(math.log, _LATE_SECONDS)
            return played_at + timedelta(seconds=int(math.exp(rng.uniform(shortest, longest))))
        return played_at


def _first_at(plays: list[Play], instant: datetime) -> int:
    return bisect_left(plays, instant, key=lambda play: play.played_at)


def _to_ms(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def _from_ms(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)
