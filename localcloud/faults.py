"""Faults of the laptop cloud, injected by order, so that reliability can be tested.

A fault names the calls it applies to (a regular expression over "SERVICE METHOD /path"), lets some of them pass, and
then answers with an error, loses the answer after the work was done, drops the connection, lets a BigQuery job fail
that was accepted, or stops the world: from a stop on every call to every service is refused, which is what an outside
world sees of a process that was killed at that point.
"""

import re
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Action = Literal["answer", "drop", "stop", "delay", "twice", "late", "fail", "match_nothing", "overlap"]


class Misbehaviour(Exception):
    """The connection is to be closed without an answer."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]


@dataclass
class Fault:
    """One misbehaviour. `when="after"`: the call takes effect and only its answer is spoilt.

    "twice" and "late" are for events ("events deliver TYPE KEY"): delivered two times, or overtaken by others.
    "fail" is for BigQuery's jobs ("bigquery job KIND ID"): accepted, and failed with `reason`.
    "overlap" is for a MERGE ("bigquery job query ID"): it runs until the next MERGE on its table has ended, or for ten
    minutes, and does not see what that one inserts.
    "match_nothing" is for calls that list ("gcp filter /path"): a filter finds nothing, as has been seen of Dataproc.
    """

    match: str
    action: Action = "answer"
    when: Literal["before", "after"] = "before"
    skip: int = 0
    times: int | None = 1
    """How often; None is for ever."""
    status: int = 503
    body: str = '{"error": {"code": 503, "message": "Ordered to fail", "status": "UNAVAILABLE"}}'
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    seconds: float = 0.0
    """How long a delay lasts, in seconds."""
    overtaken_by: int | None = 1
    """How many other deliveries a late one lets pass; None is until it is released."""
    reason: str = "backendError"
    """Why a job fails, in BigQuery's words."""


_STOPPED = Answer(
    403,
    b'{"error": {"code": 403, "message": "The laptop cloud was ordered to stop here", "status": "PERMISSION_DENIED"}}',
    {"Content-Type": "application/json"},
)


class Faults:
    """The faults that are ordered at present, and every call that was seen while watching."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._stopped = False
        self.calls: deque[str] = deque(maxlen=10_000)

    def order(self, *faults: Fault) -> None:
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        """Behave again, and forget the calls seen so far."""
        with self._lock:
            self._faults.clear()
            self._stopped = False
            self.calls.clear()

    @property
    def is_stopped(self) -> bool:
        """Whether a stop has come: every call since then is refused."""
        return self._stopped

    def resume(self) -> None:
        """After a stop: answer again. The other faults stay ordered."""
        self._stopped = False

    def pending(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def before(self, call: str) -> Answer | None:
        """The answer to give instead of doing the work, if any. May sleep or raise Misbehaviour."""
        with self._lock:
            self.calls.append(call)
            if self._stopped:
                return _STOPPED
        return self._misbehave(call, "before")

    def after(self, call: str) -> Answer | None:
        """The answer to give in place of the true one, if any. May sleep or raise Misbehaviour."""
        return self._misbehave(call, "after")

    def take(self, call: str, *actions: Action, when: Literal["before", "after"] = "before") -> Fault | None:
        """The first fault with one of these actions that is due for this call, used up by one."""
        with self._lock:
            for fault in self._faults:
                if fault.when == when and fault.action in actions and re.search(fault.match, call):
                    if fault.skip > 0:
                        fault.skip -= 1
                        continue
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times == 0:
                            self._faults.remove(fault)
                    self._stopped = self._stopped or fault.action == "stop"
                    return fault
        return None

    def _misbehave(self, call: str, when: Literal["before", "after"]) -> Answer | None:
        fault = self.take(call, "answer", "drop", "stop", "delay", when=when)
        if fault is None:
            return None
        if fault.action == "delay":
            time.sleep(fault.seconds)
            return None
        if fault.action == "drop":
            raise Misbehaviour(call)
        if fault.action == "stop":
            return _STOPPED
        return Answer(fault.status, fault.body.encode(), fault.headers)
