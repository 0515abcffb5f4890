"""Eventarc: delivers each event to its subscribers, at least once, one at a time.

A delivery that is not answered with 2xx is repeated, after 10 to 600 seconds in the cloud, until the event is 24 hours
old. Tests deliver by hand (`deliver_pending`); a running laptop cloud has one thread per subscription (`start`).
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests

from localcloud.clock import Clock
from localcloud.faults import Faults, Misbehaviour
from localcloud.gcp.credentials import identity_token
from localcloud.gcp.eventarc.cloud_events import Event
from localcloud.gcp.eventarc.deliveries import Delivery, EventQueue
from localcloud.gcp.state import State
from localcloud.web import Log

Deliver = Callable[[dict[str, str], bytes], int]
"""Headers and body of an event go in, the HTTP status of the answer comes out."""

RETENTION = timedelta(hours=24)
NO_ANSWER = 0
"""The status of a delivery whose connection failed."""
# An event-driven function may run for 540 s; the answer is waited for a little longer.
_DELIVERY_SECONDS = 600
_IDLE_SECONDS = 1.0
_STOP_SECONDS = 2.0


@dataclass(frozen=True)
class Backoff:
    """How long to wait after a failed delivery: twice as long each time, in real seconds."""

    first_seconds: float = 10.0
    longest_seconds: float = 600.0

    def seconds(self, attempts: int) -> float:
        return min(self.first_seconds * 2.0 ** min(attempts - 1, 30), self.longest_seconds)


class Events:
    """The back-off is in real time; the age of events is measured by the cloud's clock."""

    def __init__(self, state: State, clock: Clock, faults: Faults, log: Log, backoff: Backoff | None = None) -> None:
        self._queue = EventQueue(state)
        self._clock, self._faults, self._log = clock, faults, log
        self._backoff = backoff or Backoff()
        self._deliverers: dict[str, Deliver] = {}
        self._wake: dict[str, threading.Event] = {}
        self._pumps: list[threading.Thread] = []
        self._running = False

    def subscribe(self, event_type: str, deliver: Deliver, target: str | None = None) -> None:
        """Events of this type go to `deliver`; `target`, a bucket or a topic id, narrows them.

        Subscribing again replaces `deliver` and continues what was pending.
        """
        name = event_type if target is None else f"{event_type} {target}"
        self._queue.subscribe(name, event_type, target)
        known = name in self._deliverers
        self._deliverers[name] = deliver
        if not known:
            self._wake[name] = threading.Event()
            if self._running:
                self._start_pump(name)

    def publish(self, event: Event) -> None:
        """Queue an event; safe inside a transaction, with which it is committed or not."""
        self._queue.add(event, self._clock.now(), time.time())
        self._wake_all()

    def deliver_pending(self) -> list[tuple[str, int]]:
        """Try each undelivered event once, due or not, also those that arise meanwhile: event ids and statuses."""
        tried: set[int] = set()
        outcomes: list[tuple[str, int]] = []
        while True:
            waiting = (each for each in self._queue.pending() if each.id not in tried)
            delivery = next((each for each in waiting if each.subscription in self._deliverers), None)
            if delivery is None:
                return outcomes
            tried.add(delivery.id)
            status = self._attempt(delivery)
            if status is None:
                tried.remove(delivery.id)  # held back: its turn may still come
            else:
                outcomes.append((delivery.event_id, status))

    def release(self) -> None:
        """Let go of every event that was ordered to be late."""
        self._queue.release()
        self._wake_all()

    def status(self) -> dict[str, Any]:
        """Undelivered events per subscription, and the events that were given up."""
        return {"subscriptions": self._queue.counts(), "given_up": self._queue.given_up()}

    def start(self) -> None:
        """Deliver from threads of this process, as events come and come due."""
        self._running = True
        for name in self._deliverers:
            self._start_pump(name)

    def stop(self) -> None:
        """Deliver no more; what is under way gets a moment, and is delivered again if it needs longer."""
        self._running = False
        self._wake_all()
        for pump in self._pumps:
            pump.join(_STOP_SECONDS)

    def _start_pump(self, name: str) -> None:
        pump = threading.Thread(target=self._pump, args=(name,), name=f"events {name}", daemon=True)
        self._pumps.append(pump)
        pump.start()

    def _pump(self, name: str) -> None:
        wake = self._wake[name]
        while self._running:
            wake.clear()  # before looking, so that what comes while looking is not slept over
            try:
                delivery = self._queue.due(name, time.time())
                if delivery is None:
                    due = self._queue.next_due(name)
                    wake.wait(_IDLE_SECONDS if due is None else max(0.0, min(due - time.time(), _IDLE_SECONDS)))
                else:
                    self._attempt(delivery)
            except Exception as error:  # such as a full disk: the event stays, and is delivered when there is room
                if not self._running:  # the state was closed during the last delivery
                    return
                cause = f"{type(error).__name__}: {error}"
                self._log("Deliveries pause", severity="ERROR", subscription=name, error=cause)
                time.sleep(_IDLE_SECONDS)

    def _wake_all(self) -> None:
        for wake in list(self._wake.values()):
            wake.set()

    def _attempt(self, delivery: Delivery) -> int | None:
        """The status of the answer; None when the event was held back instead."""
        call = f"events deliver {delivery.event_type} {delivery.key}"
        if not delivery.keeps_order:
            fault = self._faults.take(call, "twice", "late")
            if fault is None:
                self._queue.keep_order(delivery)
            elif fault.action == "twice":
                self._queue.double(delivery)
            else:
                self._queue.hold(delivery, fault.overtaken_by)
                return None
        status = self._send(delivery, call)
        self._settle(delivery, status)
        return status

    def _send(self, delivery: Delivery, call: str) -> int:
        try:
            refusal = self._faults.before(call)
            if refusal is not None:
                return refusal.status
            status = self._deliverers[delivery.subscription](delivery.headers, delivery.body)
            spoilt = self._faults.after(call)
        except (Misbehaviour, OSError):
            return NO_ANSWER
        return status if spoilt is None else spoilt.status

    def _settle(self, delivery: Delivery, status: int) -> None:
        fields = {"type": delivery.event_type, "key": delivery.key, "id": delivery.event_id, "status": status}
        if 200 <= status < 300:
            self._queue.delivered(delivery)
            self._log("Event delivered", attempts=delivery.attempts + 1, **fields)
        elif self._clock.now() - delivery.happened_at >= RETENTION:
            self._queue.give_up(delivery, status)
            self._log("Event given up after 24 hours", severity="ERROR", attempts=delivery.attempts + 1, **fields)
        else:
            wait = self._backoff.seconds(delivery.attempts + 1)
            self._queue.failed(delivery, status, time.time() + wait)
            self._log("Event is redelivered later", severity="WARNING", seconds=round(wait, 3), **fields)
        self._queue.overtake(delivery)
        self._wake[delivery.subscription].set()


def to_url(url: str, key_path: Path | None = None) -> Deliver:
    """Deliver by HTTP POST, as to a function in a process of its own. The key file signs the call's token."""

    def deliver(headers: dict[str, str], body: bytes) -> int:
        if key_path:
            headers = headers | identity_token(key_path, url)
        # A connection per event: a kept one may be closed just then, which would look like a failed delivery.
        answer = requests.post(url, body, headers=headers, timeout=_DELIVERY_SECONDS, allow_redirects=False)
        return answer.status_code

    return deliver
