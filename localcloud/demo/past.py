"""Plays of the demo's listeners before its story begins, in the files in which they are landed: one a month.

Pure, and from the seed alone: landing and proofs compute them independently.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from localcloud.listeners.listeners import invented_listeners
from localcloud.listeners.lives import Life, Play
from localcloud.listeners.music import invent_catalogue
from localcloud.spotify.data_export import manner

LISTENERS = 3
DAYS_BEFORE = {"listener-one": 1150, "listener-two": 395, "listener-three": 760}
"""How long before the story each listener's first play is that is known."""
FEATURES_DAYS = 600
"""As if the owner had turned ReccoBeats on so long before the story: older files say nothing of audio features."""
EXPORTED, EXPORT_DAYS = "listener-one", 45
"""As if the export of this listener had been imported so long before the story: of what was played before, it is known
how long it was played and how it ended."""


@dataclass(frozen=True)
class PastFile:
    """One file of the landing bucket. Its run is named after the first hour that its plays are all over at."""

    slot: datetime
    plays: Sequence[Play]
    with_features: bool

    @property
    def run_id(self) -> str:
        return f"{self.slot:%Y%m%dT%H%M%SZ}"


def lives(seed: int) -> dict[str, Life]:
    """The lives that an invented Spotify of this seed knows of."""
    catalogue = invent_catalogue(seed)
    return {listener.slug: Life(listener, catalogue, seed) for listener in invented_listeners(LISTENERS)}


def past_files(lives: dict[str, Life], until: datetime) -> list[PastFile]:
    """The oldest first; every play that Spotify had shown by `until`, the slot of the last file if it holds any."""
    features_since = until - timedelta(days=FEATURES_DAYS)
    plays = [
        play
        for slug, days in DAYS_BEFORE.items()
        for play in lives[slug].between(until - timedelta(days=days), until)
        if play.is_visible(until)
    ]
    plays.sort(key=lambda play: (play.played_at, play.listener))
    files = []
    for slot in _slots(until):
        count = next((n for n, play in enumerate(plays) if play.played_at >= slot), len(plays))
        if count:
            files.append(PastFile(slot, plays[:count], slot >= features_since))
        del plays[:count]
    return files


def from_export(play: Play, until: datetime) -> dict[str, Any]:
    """What the import has added to the play's row; `until` is when the story begins."""
    if play.listener != EXPORTED or play.played_at >= until - timedelta(days=EXPORT_DAYS):
        return {}
    return {"ms_played": play.ms_played, **manner(play)}


def _slots(until: datetime) -> Iterator[datetime]:
    """The first hour of every month, and `until`."""
    first = until - timedelta(days=max(DAYS_BEFORE.values()))
    for month in range(first.year * 12 + first.month, until.year * 12 + until.month):
        slot = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        if slot < until:
            yield slot
    yield until
