"""A listener of the invented Spotify whose every play is written down beforehand."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random

from localcloud.listeners.listeners import InventedListener
from localcloud.listeners.lives import WINDOW, Play
from localcloud.listeners.music import Catalogue
from localcloud.listeners.tastes import Context
from tests.faults.storms import Listening


class ScriptedLife:
    """What `localcloud.listeners.lives.Life` is to the invented Spotify, with plays that are given."""

    def __init__(self, listener: InventedListener, plays: Iterable[Play], begins_at: datetime) -> None:
        self.listener, self.begins_at = listener, begins_at
        self.plays = sorted(plays, key=lambda play: (play.played_at, play.track.id))

    def between(self, since: datetime, until: datetime) -> list[Play]:
        """The oldest first."""
        return [play for play in self.plays if since <= play.played_at < until]

    def newest(self, at: datetime, count: int = WINDOW) -> list[Play]:
        """The newest first."""
        return [play for play in reversed(self.plays) if play.is_visible(at)][:count]


def play_hour(listening: Listening, slot: datetime, catalogue: Catalogue, seed: int) -> list[Play]:
    """The plays of the hour before a slot. Some hours hold two tracks that end in the same millisecond."""
    rng = Random(f"{seed} {listening.hour} {listening.listener}")
    tracks = list(catalogue.tracks.values())
    start, step_ms = slot - timedelta(hours=1), 3_600_000 // listening.plays
    ends_ms = [place * step_ms + rng.randrange(step_ms) for place in range(listening.plays)]
    if listening.plays > 1 and rng.random() < 0.3:
        ends_ms[1] = ends_ms[0]
    plays: dict[tuple[datetime, str], Play] = {}
    for place, end_ms in enumerate(ends_ms):
        track = rng.choice(tracks)
        played_at = start + timedelta(milliseconds=end_ms)
        late = timedelta(minutes=listening.late_minutes.get(place, 0))
        visible_at = None if place in listening.never_shown else played_at + late
        played_at += timedelta(minutes=listening.ahead_minutes.get(place, 0))
        context = rng.choice((None, Context("album", f"spotify:album:{track.album.id}")))
        plays[played_at, track.id] = Play(listening.listener, played_at, track.duration_ms, track, context, visible_at)
    return list(plays.values())
