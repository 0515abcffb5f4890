"""Which run this is: the slot of the schedule that it works for, and the id that everything it writes carries."""

from dataclasses import dataclass
from datetime import UTC, datetime

SLOT_HEADER = "X-CloudScheduler-ScheduleTime"

# A slot of another year has no partition in the ledger, and its four digits no place in an object's name.
_PLAUSIBLE_YEARS = range(2006, 2100)


class UnreadableSlot(Exception):  # noqa: N818 -- reads as what happened
    """The caller gave a slot that is not an RFC 3339 instant."""


@dataclass(frozen=True)
class Run:
    """One attempt at one slot."""

    slot: datetime
    started_at: datetime

    @property
    def run_id(self) -> str:
        return f"{self.slot:%Y%m%dT%H%M%SZ}"


def to_slot(header: str | None, now: datetime) -> datetime:
    """The slot that Cloud Scheduler names, in UTC and whole seconds; this moment when called by hand."""
    try:
        instant = now if header is None else datetime.fromisoformat(header.strip().upper())
        if instant.tzinfo and instant.year in _PLAUSIBLE_YEARS:
            return instant.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        pass
    raise UnreadableSlot(f"The header {SLOT_HEADER} must be an instant such as 2026-11-22T10:00:00Z.")
