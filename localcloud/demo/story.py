"""The demo's story: what happens when, in simulated time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

_HOUR = timedelta(hours=1)
_LATENESS = timedelta(seconds=20)
"""The schedule fires on the hour and the answer comes a little later."""


@dataclass(frozen=True)
class Story:
    """When what happens, in simulated time; all instants are slots of the schedule."""

    starts_at: datetime
    ends_at: datetime
    """From here on the next batch is the last."""
    last_slot: datetime
    """The present: the hours after that batch are lived through, too."""
    outage_at: datetime
    outage_over_at: datetime
    """Between these two, the first included, the schedule does not call."""
    rotation_at: datetime
    double_delivery_at: datetime
    """From here on the next file's event is delivered twice."""
    double_call_at: datetime
    revocation_at: datetime
    rotated: str = "listener-two"
    revoked: str = "listener-three"

    @classmethod
    def until(cls, instant: datetime, days: int) -> "Story":
        """A story of this many days up to the last batch, which has a day's time before the given instant."""
        last_slot = (instant - _LATENESS).replace(minute=0, second=0, microsecond=0)
        ends_at = last_slot - timedelta(hours=24)
        starts_at = ends_at - timedelta(days=days)

        def after(share: float) -> datetime:
            return starts_at + round(days * 24 * share) * _HOUR

        return cls(
            starts_at, ends_at, last_slot, after(0.08), after(0.28), after(0.32), after(0.4), after(0.5), after(0.6)
        )

    @property
    def past_until(self) -> datetime:
        """The slot of the last file that is landed before the story."""
        return self.starts_at - _HOUR

    @property
    def consented_at(self) -> Mapping[str, datetime]:
        """One of them has to agree again within three weeks of the story's end: consents last six months."""
        days = {"listener-one": 163, "listener-two": 40, "listener-three": 90}
        return {slug: self.last_slot - timedelta(days=ago) for slug, ago in days.items()}

    def slots(self) -> Iterator[datetime]:
        """Every hour in which the schedule calls."""
        slot = self.starts_at
        while slot <= self.last_slot:
            if not self.outage_at <= slot < self.outage_over_at:
                yield slot
            slot += _HOUR

    @staticmethod
    def answered_at(slot: datetime) -> datetime:
        return slot + _LATENESS
