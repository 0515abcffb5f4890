"""Many invented listeners and a Spotify that takes its time, around the real functions ingest and load."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests

from benchmarks import loading
from benchmarks.function_process import served_function
from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.listeners.listeners import invented_listeners
from localcloud.processes import Process
from localcloud.spotify.server import Spotify
from localcloud.web import Request, Response, Routes, Server
from tests.localcloud.gcp import secrets

_RUN_SECONDS = 900
"""How long Cloud Run lets ingest work."""


class SlowRoutes(Routes):
    """The invented Spotify's routes, each answer after so many seconds. `calls` counts them."""

    def __init__(self, routes: Routes, answer_seconds: float) -> None:
        super().__init__()
        self.extend(routes)
        self._answer_seconds, self._lock, self.calls = answer_seconds, threading.Lock(), 0

    def answer(self, request: Request) -> Response:
        time.sleep(self._answer_seconds)
        with self._lock:
            self.calls += 1
        return super().answer(request)


@dataclass
class World(loading.World):
    """With ingest, and consents of all listeners; files reach load at `deliver`."""

    routes: SlowRoutes
    ingest: Process

    def run(self, slot: datetime) -> None:
        """One call of the schedule."""
        headers = {"X-CloudScheduler-ScheduleTime": slot.isoformat()}
        answer = requests.post(self.ingest.url, headers=headers, timeout=_RUN_SECONDS)
        if answer.status_code != 200:
            raise RuntimeError(f"ingest answered {answer.status_code}: {answer.text[:500]}")


@contextmanager
def world(directory: Path, listeners: int, answer_seconds: float) -> Iterator[World]:
    with loading.world(directory) as there:
        spotify = Spotify(there.cloud.clock, 1, invented_listeners(listeners))
        _consent(there.cloud, spotify)
        routes = SlowRoutes(spotify.routes, answer_seconds)
        server = Server("spotify", routes).start()
        settings = there.cloud.environment | {"SPOTIFY_ACCOUNTS_URL": server.url, "SPOTIFY_API_URL": server.url}
        with served_function("ingest", settings, directory / "logs") as ingest:
            yield World(there.cloud, there.load, routes, ingest)
        server.stop()


def _consent(cloud: LaptopCloud, spotify: Spotify) -> None:
    """All listeners consent; their lives are invented until now, so that none is invented while time is measured."""
    secrets.store_app(cloud, spotify)
    for slug in spotify.listeners:
        secrets.consent(cloud, spotify, slug)
        spotify.lives[slug].newest(datetime.now(UTC))
