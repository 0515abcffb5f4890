"""Parses the schedule's slot from the request; a `Run` is one attempt at a slot, with its run id."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SLOT_HEADER = "X-CloudScheduler-ScheduleTime"

# Cloud Scheduler calls after the slot. A forced run carries the job's next slot, and the scheduled run after it the
# same one: recorded in github.com/t-k/fireemu, conformance/scheduled-delivery/local/production-run2.json.
_AHEAD = timedelta(minutes=1)
# An older slot is a mistake: all retries of a slot end within the hour.
_BEHIND = timedelta(days=2)


class UnreadableSlot(Exception):
    """The caller gave a slot that is not an RFC 3339 instant, or one that is days old."""


@dataclass(frozen=True)
class Run:
    """One attempt at a run: all attempts at one slot share its run id."""

    slot: datetime
    started_at: datetime

    @property
    def run_id(self) -> str:
        return run_id_of(self.slot)


def run_id_of(slot: datetime) -> str:
    """20261122T100000Z, for a slot in UTC. Ids are instants, so their order is the order of time."""
    return f"{slot:%Y%m%dT%H%M%SZ}"


def to_slot(header: str | None, now: datetime) -> datetime:
    """The slot in UTC and whole seconds: the one in the header, or `now` for a run out of turn.

    A run is out of turn without a header, or with a slot that lies ahead. Raises UnreadableSlot.
    """
    slot = now
    if header is not None:
        try:
            slot = datetime.fromisoformat(header.strip().upper())
            if slot.tzinfo is None:
                raise ValueError
            slot = slot.astimezone(UTC)
        except (ValueError, OverflowError):
            reason = f"The header {SLOT_HEADER} must be an instant such as 2026-11-22T10:00:00Z."
            raise UnreadableSlot(reason) from None
    if slot < now - _BEHIND:
        raise UnreadableSlot(
            f"The slot in {SLOT_HEADER} is more than {_BEHIND.days} days old. Call without the header."
        )
    return (now if slot > now + _AHEAD else slot).replace(microsecond=0)
