"""Decides whether new plays need a Spark batch, from the list of known batches. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from plays_loaded import PlaysLoaded, run_id_of, slot_of

LABELS = {"app": "heavy-rotation", "job": "top-tracks"}

# States of dataproc_v1.Batch.State. A dead batch may have written `top_tracks`, and `tracks` too if it died at its last
# act, a row in `runs`. It covers nothing all the same; another batch overwrites both.
DEAD = frozenset({"FAILED", "CANCELLED"})
ACTIVE = frozenset({"PENDING", "RUNNING", "CANCELLING"})
_ATTEMPTS = 3
# A batch is created some seconds after its message: the next day's message would find it younger than 24 hours. Not for
# an interval below an hour, of which it would take more than a sixth.
_SLACK = timedelta(minutes=10)


@dataclass(frozen=True)
class KnownBatch:
    """A batch as Dataproc lists it. `run_id` is None for one that was not submitted for a run."""

    batch_id: str
    run_id: str | None
    state: str
    created_at: datetime
    state_since: datetime
    state_message: str

    @property
    def is_dead(self) -> bool:
        return self.state in DEAD

    @property
    def is_valid(self) -> bool:
        """Whether it has read plays or will: every state but FAILED, CANCELLED and CANCELLING."""
        return not self.is_dead and self.state != "CANCELLING"

    def covers(self, plays: PlaysLoaded) -> bool:
        """Whether this batch reads the plays, or has read them."""
        return self.is_valid and self.created_at >= plays.committed_at


@dataclass(frozen=True)
class Decision:
    """`already_submitted`: by an earlier delivery of the message. `wait`: redeliver until `batch_id` has ended."""

    action: Literal["submit", "already_submitted", "skip", "wait"]
    reason: str
    batch_id: str | None = None


def decide(batches: Iterable[KnownBatch], plays: PlaysLoaded, now: datetime, min_interval: timedelta) -> Decision:
    newest_first = sorted(batches, key=lambda batch: batch.created_at, reverse=True)
    valid = [batch for batch in newest_first if batch.is_valid]
    covering = [batch for batch in valid if batch.covers(plays)]
    for batch in covering:
        if batch.run_id == plays.run_id:
            return Decision("already_submitted", submitted_sentence(batch.batch_id, plays), batch.batch_id)
    if covering:
        reason = f"Batch {covering[-1].batch_id} was created after these plays were merged and covers them."
        return Decision("skip", reason, covering[-1].batch_id)
    min_age = min_interval - _SLACK if min_interval >= timedelta(hours=1) else min_interval
    if valid and now - valid[0].created_at < min_age:
        reason = f"Batch {valid[0].batch_id} is younger than the minimum interval of {_span(min_interval)}."
        return Decision("skip", reason, valid[0].batch_id)
    dead = [batch for batch in newest_first if batch.is_dead and now - batch.created_at < min_age]
    # One retry: what fails each time, such as a batch that hangs until its limit, would be paid for every hour.
    if len(dead) > 1:
        due = f"{dead[1].created_at + min_age:%Y-%m-%d %H:%M:%S} UTC"
        named = f"Batches {dead[1].batch_id} and {dead[0].batch_id} failed"
        reason = f"{named} within the minimum interval of {_span(min_interval)}: new plays after {due} start another."
        return Decision("skip", reason, dead[0].batch_id)
    for batch in newest_first:
        if batch.state in ACTIVE:
            return Decision("wait", f"Batch {batch.batch_id} is still {batch.state}.", batch.batch_id)
    return Decision("submit", "No batch covers these plays.")


def unrecorded_failure(batches: Iterable[KnownBatch]) -> KnownBatch | None:
    """The batch whose failure may be missing in the ledger.

    Only the newest can be: any other was the newest when its successor was submitted, and recorded then.
    """
    newest = max(batches, key=lambda batch: batch.created_at, default=None)
    return newest if newest is not None and newest.is_dead and newest.run_id is not None else None


def free_batch_ids(batches: Iterable[KnownBatch], plays: PlaysLoaded) -> Sequence[str]:
    """The ids this run may still use, best first."""
    taken = {batch.batch_id for batch in batches}
    first = f"top-tracks-{plays.run_id.lower()}"
    ids = [first, *(f"{first}-{attempt}" for attempt in range(2, _ATTEMPTS + 1))]
    return [batch_id for batch_id in ids if batch_id not in taken]


def submitted_sentence(batch_id: str, plays: PlaysLoaded) -> str:
    return f"Batch {batch_id} submitted for {plays.rows_new:,} new {'play' if plays.rows_new == 1 else 'plays'}."


def label_of_run(run_id: str) -> str:
    """The run id as a label's value: lower case, and a letter first (RFC 1035, which Dataproc's shared.proto names)."""
    return f"r{run_id.lower()}"


def run_of_label(label: str) -> str | None:
    """The run id in a label; None when the label holds something else."""
    run_id = label.removeprefix("r").upper()
    try:
        return run_id if label_of_run(run_id_of(slot_of(run_id))) == label else None
    except ValueError:
        return None


def _span(interval: timedelta) -> str:
    """45 min, 1 h 30 min, 24 h; in days where they are whole, from two on."""
    hours, minutes = divmod(interval // timedelta(minutes=1), 60)
    if hours >= 48 and not hours % 24 and not minutes:
        return f"{hours // 24} days"
    return " ".join(f"{count} {unit}" for count, unit in ((hours, "h"), (minutes, "min")) if count)
