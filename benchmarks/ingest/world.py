"""Many invented listeners and a Spotify in bad weather, around the real functions ingest and load."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from benchmarks.function_process import Measured, served_function
from localcloud import ledger
from localcloud.demo.proofs import Check, expected_row
from localcloud.gcp.eventarc.cloud_events import FINALIZED
from localcloud.gcp.eventarc.eventarc import to_url
from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.listeners.listeners import invented_listeners
from localcloud.listeners.lives import Play
from localcloud.processes import Process
from localcloud.spotify.server import Spotify
from localcloud.web import CONTROL, Request, Response, Routes, Server

_RUN_SECONDS = 900
"""How long Cloud Run lets ingest work."""
_LABELS = {"app": "heavy-rotation", "kind": "refresh-token"}


@dataclass(frozen=True)
class Weather:
    """How Spotify answers. Shares are of all calls, drawn from the seed."""

    answer_seconds: float = 0.1
    busy_share: float = 0.02
    """429, with a Retry-After."""
    broken_share: float = 0.01
    """500, 502 and 504."""
    retry_after_seconds: int = 1
    seed: int = 1


class WeatheredRoutes(Routes):
    """The invented Spotify's routes behind this weather. `answered` counts the calls by the status that they got."""

    def __init__(self, routes: Routes, weather: Weather) -> None:
        super().__init__()
        self.extend(routes)
        self._weather, self._dice, self._lock = weather, random.Random(weather.seed), threading.Lock()  # noqa: S311
        self.answered: Counter[int] = Counter()

    def answer(self, request: Request) -> Response:
        if request.path.startswith(CONTROL):
            return super().answer(request)
        time.sleep(self._weather.answer_seconds)
        with self._lock:
            status = self._drawn()
            self.answered[status] += 1
        if status == 200:
            return super().answer(request)
        pause = {"Retry-After": str(self._weather.retry_after_seconds)} if status == 429 else {}
        return Response(status, b"<html></html>", pause)

    def _drawn(self) -> int:
        chance = self._dice.random()
        if chance < self._weather.busy_share:
            return 429
        if chance < self._weather.busy_share + self._weather.broken_share:
            return self._dice.choice((500, 502, 504))
        return 200


@dataclass
class World:
    """One laptop cloud with consents of all listeners; both functions run, and files reach load at `deliver`."""

    cloud: LaptopCloud
    spotify: Spotify
    routes: WeatheredRoutes
    settings: Mapping[str, str]
    ingest: Process
    load: Process

    def run(self, slot: datetime) -> tuple[dict[str, Any], float, Measured]:
        """One call of the schedule: ingest's answer, how many seconds it took, and what the process needed."""
        headers = {"X-CloudScheduler-ScheduleTime": slot.isoformat()}
        began = time.perf_counter()
        with Measured(self.ingest) as measured:
            answer = requests.post(self.ingest.url, headers=headers, timeout=_RUN_SECONDS)
        seconds = time.perf_counter() - began
        if answer.status_code != 200:
            raise RuntimeError(f"ingest answered {answer.status_code}: {answer.text[:500]}")
        return answer.json(), seconds, measured

    def deliver(self) -> tuple[float, Measured]:
        """Every file that has landed goes through load: seconds, and what the process needed."""
        began = time.perf_counter()
        with Measured(self.load) as measured:
            statuses = [status for _, status in self.cloud.deliver_pending()]
        if any(status != 200 for status in statuses):
            raise RuntimeError(f"load answered {statuses}")
        return time.perf_counter() - began, measured

    def shown(self) -> dict[tuple[str, datetime, str], Play]:
        """Every play that a page which was answered has shown, by its key."""
        plays: dict[tuple[str, datetime, str], Play] = {}
        for slug, pages in self.spotify.pages.items():
            for page in pages:
                for play in self.spotify.lives[slug].newest(page.at):
                    plays[slug, play.played_at, play.track.id] = play
        return plays

    def read(self, sql: str) -> list[dict[str, Any]]:
        return ledger.read(self.settings, sql)


@contextmanager
def world(directory: Path, listeners: int, weather: Weather) -> Iterator[World]:
    with LaptopCloud(directory) as cloud:
        spotify = Spotify(cloud.clock, 1, invented_listeners(listeners))
        _consent(cloud, spotify)
        routes = WeatheredRoutes(spotify.routes, weather)
        server = Server("spotify", routes).start()
        settings = cloud.environment | {"SPOTIFY_ACCOUNTS_URL": server.url, "SPOTIFY_API_URL": server.url}
        with (
            served_function("ingest", settings, directory / "logs") as ingest,
            served_function("load", settings, directory / "logs") as load,
        ):
            cloud.subscribe(FINALIZED, to_url(load.url), settings["LANDING_BUCKET"])
            yield World(cloud, spotify, routes, settings, ingest, load)
        server.stop()


def _consent(cloud: LaptopCloud, spotify: Spotify) -> None:
    """All listeners consent; their lives are invented until now, so that none is invented while time is measured."""
    project, app = cloud.environment["GOOGLE_CLOUD_PROJECT"], spotify.app
    client = {"client_id": app.client_id, "client_secret": app.client_secret}
    cloud.secrets.store(project, "spotify-client", json.dumps(client).encode())
    for slug in spotify.listeners:
        payload = json.dumps(spotify.consent(slug)).encode()
        cloud.secrets.store(project, f"refresh-token-{slug}", payload, {**_LABELS, "listener": slug})
        spotify.lives[slug].newest(datetime.now(UTC))


def checks(world: World, slots: list[datetime], answers: list[dict[str, Any]]) -> Iterator[Check]:
    """Nothing lost, nothing doubled, nothing mixed up, and the ledger has an outcome for each listener."""
    shown, stored = world.shown(), world.read("SELECT * FROM `{dataset}.plays`")
    by_key = {(row["listener_id"], row["played_at"], row["track_id"]): row for row in stored}
    yield Check("plays lost", 0, len(shown.keys() - by_key.keys()))
    yield Check("plays that no page has shown", 0, len(by_key.keys() - shown.keys()))
    yield Check("plays stored twice", 0, len(stored) - len(by_key))
    unlike = [
        key
        for key, play in shown.items()
        if key in by_key and not expected_row(play, with_features=False).items() <= by_key[key].items()
    ]
    yield Check("plays that differ from what was played", [], unlike)
    yield from _ledger_checks(world, slots, answers)


def _ledger_checks(world: World, slots: list[datetime], answers: list[dict[str, Any]]) -> Iterator[Check]:
    rows = world.read("SELECT * FROM `{dataset}.runs` WHERE step = 'ingest' ORDER BY slot")
    yield Check("slots in the ledger", slots, [row["slot"] for row in rows])
    outcomes = [row["details"]["listeners"] for row in rows]
    yield Check(
        "outcomes in the ledger, for each run", [len(world.spotify.listeners)] * len(slots), list(map(len, outcomes))
    )
    yield Check("outcomes as they were answered", [answer["listeners"] for answer in answers], outcomes)
    polled = Counter(slug for of_run in outcomes for slug, outcome in of_run.items() if outcome["fetched"])
    pages = Counter({slug: len(pages) for slug, pages in world.spotify.pages.items()})
    yield Check("pages answered to the listeners polled", pages, polled)
    new = sum(outcome["new"] for of_run in outcomes for outcome in of_run.values())
    [row] = world.read("SELECT COUNT(*) AS plays FROM `{dataset}.plays`")
    yield Check("plays that the outcomes count as new", row["plays"], new)
