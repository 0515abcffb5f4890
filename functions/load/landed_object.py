"""Parses a finalize event into the object it is about, with the job ids and names made of it. Pure.

The generation is part of every identity, because a file that is written again under its name is another file.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from load_errors import EventUnreadable

_RUN_ID = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class LandedObject:
    """One generation of one object. Not every object in the bucket is a run's file: `is_run_file` says."""

    bucket: str
    name: str
    generation: int

    @property
    def is_run_file(self) -> bool:
        return slot_of(self.name) is not None

    @property
    def slot(self) -> datetime:
        """The instant in the object's name, in UTC."""
        slot = slot_of(self.name)
        if slot is None:
            raise ValueError(f"{self.name!r} is not a run's file")
        return slot

    @property
    def run_id(self) -> str:
        return f"{self.slot:{_RUN_ID}}"

    @property
    def uri(self) -> str:
        return f"gs://{self.bucket}/{self.name}"

    def job_id(self, work: Literal["load", "good-rows", "merge", "ledger"]) -> str:
        digest = hashlib.sha256(f"{self.bucket}/{self.name}#{self.generation}".encode()).hexdigest()[:16]
        return f"{work}-{self.run_id}-{digest}"

    @property
    def staging_table(self) -> str:
        return f"plays_staging_{self.run_id}_{self.generation}"

    @property
    def quarantine_name(self) -> str:
        return f"{self.name}.g{self.generation}"

    @property
    def reason_name(self) -> str:
        return f"{self.quarantine_name}.reason.json"


def parse_event(data: Any) -> LandedObject:
    """The object that a finalize event is about. Raises EventUnreadable when the event does not say."""
    if not isinstance(data, dict):
        raise EventUnreadable(f"The event's data is {type(data).__name__}, not a JSON object")
    bucket, name, generation = data.get("bucket"), data.get("name"), data.get("generation")
    if not (isinstance(bucket, str) and bucket and isinstance(name, str) and name):
        raise EventUnreadable("The event names no bucket or no object")
    try:
        (bucket + name).encode()
    except UnicodeEncodeError:  # JSON can spell half a surrogate pair, which is not a character and has no UTF-8
        raise EventUnreadable("The event's bucket or object is not text") from None
    # A string in Google's events, a number in some of Google's own test data.
    if not isinstance(generation, str | int) or not re.fullmatch("[0-9]{1,20}", str(generation)):
        raise EventUnreadable(f"The event's generation is {generation!r:.40}, not a number")
    return LandedObject(bucket, name, int(generation))


def slot_of(name: str) -> datetime | None:
    """The slot (UTC) of the run that lands its file under this name; None for every other name."""
    try:
        slot = datetime.strptime(name.rpartition("/")[2], f"{_RUN_ID}.csv").replace(tzinfo=UTC)
    except ValueError:
        return None
    # strptime is lenient (digits of other scripts, missing zeros); writing the name again is not.
    return slot if f"{slot:plays/%Y/%m/%d/{_RUN_ID}.csv}" == name else None
