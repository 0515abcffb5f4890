"""The three functions of a storm, as they are, in this process: called, killed and started anew."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import functions_framework

from localcloud.gcp.laptop_cloud import LaptopCloud
from tests.faults.simulated_time import SimulatedTime
from tests.faults.storms import Outlive
from tests.faults.wire import Wire

ROOT = Path(__file__).parents[2]
FUNCTIONS = ("ingest", "load", "transform_trigger")
# A function's folder is its root, in the cloud and here.
sys.path += [str(ROOT / "functions" / name) for name in FUNCTIONS]
GOOGLES_ZONE = ZoneInfo("America/Los_Angeles")
HANDLER_TIMES_OUT = timedelta(seconds=540)
"""As in terraform/load.tf: the longest that Cloud Run gives to an event."""


class Functions:
    """A killed function is one whose every further call is refused; it then starts anew."""

    def __init__(self, cloud: LaptopCloud, wire: Wire, time: SimulatedTime) -> None:
        self._cloud, self._wire, self._time = cloud, wire, time
        self.outliving: list[Outlive] = []
        """Handlers of events that are to outlive their time-out: the next ones."""
        self._clients: dict[str, Any] = {}
        for name in FUNCTIONS:
            self._start(name)

    def call_ingest(self, slot: datetime) -> tuple[int, dict[str, Any]]:
        """Status, 0 when it was killed, and answer of a call by Cloud Scheduler."""
        headers = {"X-CloudScheduler-ScheduleTime": slot.astimezone(GOOGLES_ZONE).isoformat()}
        response = self._clients["ingest"].post("/", headers=headers)
        return 0 if self._bury("ingest") else response.status_code, response.get_json(silent=True) or {}

    def deliver(self, name: str, headers: dict[str, str], body: bytes) -> int:
        if not self.outliving:
            return self._handle(name, headers, body)
        left = self.outliving[0].skip

        def redeliver() -> None:
            nonlocal left
            if left == 0:
                self._wire.before_call = lambda: None
                del self.outliving[0]
                self._time.travel_to(datetime.now(UTC) + HANDLER_TIMES_OUT)
                self._handle(name, headers, body)
            left -= 1

        self._wire.before_call = redeliver
        status = self._handle(name, headers, body)
        self._wire.before_call = lambda: None
        return status if left >= 0 else 504

    def _handle(self, name: str, headers: dict[str, str], body: bytes) -> int:
        status = self._clients[name].post("/", data=body, headers=headers).status_code
        return 0 if self._bury(name) else int(status)

    def _bury(self, name: str) -> bool:
        """If the function was killed, start it anew."""
        if not self._cloud.faults.is_stopped:
            return False
        self._cloud.faults.is_stopped = False
        self._start(name)
        return True

    def _start(self, name: str) -> None:
        source = ROOT / "functions" / name / "main.py"
        self._clients[name] = functions_framework.create_app(name, str(source)).test_client()
