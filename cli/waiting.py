"""Waits until no run that began before a deletion can write what was deleted again.

A run of ingest or load that is under way cannot be seen from outside, because it writes its row in the ledger last. So
the command waits for the longest time that it may take. Dataproc lists the Spark batches that are under way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic, sleep

from cli import follow_run
from cli.console import announcer, duration, minute, say
from cli.place import Place


@dataclass(frozen=True)
class Longest:
    """The longest time that a run may take, in seconds."""

    ingest: float
    load: float


# The functions' time-outs in terraform/ingest.tf and load.tf, and a minute more: a call travels, clocks differ.
CLOUD = Longest(ingest=900 + 60, load=540 + 60)
# No run is cut off there. A few listeners and everything on one computer: it takes a second or two.
LAPTOP = Longest(ingest=10, load=10)

_REPORTED_EVERY_SECONDS = 60.0


class Deadline:
    """Moves with what is found. `erased_at`: when the consent was erased, if that was before and is recorded."""

    def __init__(self, place: Place, erased_at: datetime | None) -> None:
        self._place = place
        self._longest = LAPTOP if place.laptop else CLOUD
        age_seconds = (place.now() - erased_at).total_seconds() if erased_at else 0.0
        self._ends_at = monotonic() + self._longest.ingest - max(age_seconds, 0.0)

    def prolong(self, found: Mapping[str, int]) -> None:
        """A token may have been read until it was destroyed, and a file until it was deleted or rewritten."""
        if found["versions"]:
            self._wait_at_least(self._longest.ingest)
        if found["deleted"] or found["rewritten"]:
            self._wait_at_least(self._longest.load)

    def wait(self) -> None:
        """Until every run and every batch that can have read what is gone now has ended.

        A batch may have read the plays before they were deleted; its top ten comes at its end.
        """
        if self._ends_at > monotonic():
            say("A run that began before shows only when it is over, and may bring something back until then.")
        while (left := self._ends_at - monotonic()) > 0:
            say(f"… waiting for {duration(left)} more")
            sleep(min(left, _REPORTED_EVERY_SECONDS))
        announce = announcer()
        while batches := follow_run.active_batches(self._place):
            announce(f"… waiting for the Spark batch {', '.join(batches)} to end")
            sleep(self._place.poll_seconds)

    def left(self) -> list[str]:
        """What would still have to be waited for, as text."""
        seconds = self._ends_at - monotonic()
        until = self._place.now() + timedelta(seconds=seconds, minutes=1)
        runs = [f"a run that began before may be under way until {minute(until)} UTC"] if seconds > 0 else []
        return [*runs, *(f"the Spark batch {batch} has not ended" for batch in follow_run.active_batches(self._place))]

    def _wait_at_least(self, seconds: float) -> None:
        self._ends_at = max(self._ends_at, monotonic() + seconds)
