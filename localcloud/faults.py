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
from dataclasses import dataclass, field
from typing import Literal

Action = Literal["answer", "drop", "stop", "delay", "twice", "late", "fail", "overlap"]


class Misbehaviour(Exception):
    """The connection is to be closed without an answer."""


@dataclass
class Fault:
    """One misbehaviour. `when="after"`: the call takes effect and only its answer is spoilt.

    "twice" and "late" are for events ("events deliver TYPE KEY"): delivered two times, or overtaken by others.
    "fail" is for BigQuery's jobs ("bigquery job KIND ID"): accepted, and failed with `reason`.
    "overlap" is for a MERGE ("bigquery job query ID"): it runs until the next MERGE on its table has ended, or for ten
    minutes, and does not see what that one inserts.
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


_STOPPED = Fault(
    "",
    status=403,
    body='{"error": {"code": 403, "message": "Ordered to stop here", "status": "PERMISSION_DENIED"}}',
)


class Faults:
    """The faults that are ordered at present, and every call that was seen while watching."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self.is_stopped = False
        """Whether a stop has come: every call is refused until this is False again. The faults stay ordered."""
        self.calls: deque[str] = deque(maxlen=10_000)

    def order(self, *faults: Fault) -> None:
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        """Behave again, and forget the calls seen so far."""
        with self._lock:
            self._faults.clear()
            self.is_stopped = False
            self.calls.clear()

    def before(self, call: str) -> Fault | None:
        """The fault whose answer is given instead of doing the work, if any. May sleep or raise Misbehaviour."""
        with self._lock:
            self.calls.append(call)
            if self.is_stopped:
                return _STOPPED
        return self._misbehave(call, "before")

    def after(self, call: str) -> Fault | None:
        """The fault whose answer is given in place of the true one, if any. May sleep or raise Misbehaviour."""
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
                    self.is_stopped |= fault.action == "stop"
                    return fault
        return None

    def _misbehave(self, call: str, when: Literal["before", "after"]) -> Fault | None:
        fault = self.take(call, "answer", "drop", "stop", "delay", when=when)
        if fault is None or fault.action == "answer":
            return fault
        if fault.action == "drop":
            raise Misbehaviour(call)
        if fault.action == "stop":
            return _STOPPED
        time.sleep(fault.seconds)
        return None
