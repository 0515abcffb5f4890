"""The time of a storm: a sleep moves the simulated time instead of waiting."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest


class SimulatedTime:
    """`traveller` is time_machine's."""

    def __init__(self, traveller: Any) -> None:
        self._traveller = traveller

    def travel_to(self, instant: datetime, *, also_back: bool = False) -> None:
        if also_back or instant > datetime.now(UTC):
            self._traveller.move_to(instant)

    def let_sleepers_move_it(self, patch: pytest.MonkeyPatch) -> None:
        """Both clocks: Google's retries look at the monotonic one for their deadlines.

        Sleeping alone moves the monotonic one: no time-out depends on how busy the machine is. A thread that another
        test has left polling sleeps for real, or its polling would make hours pass within one call.
        """
        began, slept, lock, really_sleep = time.monotonic(), [0.0], threading.Lock(), time.sleep
        bystanders = set(threading.enumerate()) - {threading.current_thread()}

        def sleep(seconds: float) -> None:
            if threading.current_thread() in bystanders:
                really_sleep(seconds)
                return
            with lock:
                slept[0] += seconds
                self._traveller.shift(timedelta(seconds=seconds))

        patch.setattr(time, "sleep", sleep)
        patch.setattr(time, "monotonic", lambda: began + slept[0])
