"""The world of a storm: the laptop cloud, an invented Spotify and the three functions as they are, in simulated time.

One world serves many storms, each with an empty cloud.
"""

import contextlib
import io
import logging
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from requests.adapters import HTTPAdapter

from localcloud.faults import Fault
from localcloud.gcp import set_up
from localcloud.gcp.eventarc.cloud_events import FINALIZED, MESSAGE_PUBLISHED
from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.gcp.scheduler import HOURLY_WAITS
from localcloud.listeners.listeners import invented_listeners
from localcloud.spark.batch import run_batch
from localcloud.web import Server
from tests.faults.evidence import Attempt, Evidence, Key, Page, key_of, row_key
from tests.faults.functions import Functions
from tests.faults.gathering import gather, rows
from tests.faults.owner import Owner
from tests.faults.scripted_life import ScriptedLife, play_hour
from tests.faults.simulated_time import SimulatedTime
from tests.faults.storms import (
    LISTENERS,
    Call,
    EndBatch,
    Force,
    Import,
    Listening,
    Measure,
    Outlive,
    Revoke,
    Rotate,
    Storm,
    Trouble,
)
from tests.faults.wire import Wire
from tests.localcloud.gcp import secrets
from tests.localcloud.spotify.faulty_spotify import FaultySpotify, SpotifyFault

FIRST_SLOT = datetime(2026, 11, 20, 10, tzinfo=UTC)

# How often Cloud Scheduler retries within the hour with terraform/schedule.tf (tests/localcloud/gcp/test_scheduler.py).
RETRY_SECONDS = tuple(wait * 30 for wait in HOURLY_WAITS)
# A header that is further ahead of the clock belongs to a run out of turn.
AHEAD = timedelta(minutes=1)
# When within an hour events are delivered and batches looked at, after the schedule's call.
ROUNDS = (timedelta(seconds=20), timedelta(minutes=3), timedelta(minutes=12), timedelta(minutes=40))
MOST_ROUNDS = 12
# A play proves something of the time before it where its clock was no further ahead (functions/ingest/gaps.py).
BELIEVED_AHEAD = timedelta(minutes=5)
BATCH_RUNS = timedelta(minutes=5)
BATCH_TIME_TO_LIVE = timedelta(minutes=30)
QUIET_PLAYS = 3


class StormCloud(LaptopCloud):
    def start_over(self, directory: Path) -> None:
        """An empty cloud on another directory, under the same address: clients keep their connections.

        Subscriptions and ordered faults are gone.
        """
        self.close()
        self.server.routes = self._open(directory)
        self.faults.clear()
        set_up.create_resources(self.environment, self._answer)


class World:
    """Use `open_world`. `run` lets a storm pass and returns the evidence."""

    def __init__(
        self,
        cloud: StormCloud,
        spotify_server: Server,
        wire: Wire,
        settings: dict[str, str],
        simulated_time: SimulatedTime,
        directory: Path,
    ) -> None:
        self._cloud, self._spotify_server, self._time = cloud, spotify_server, simulated_time
        self._directory, self._count = directory, 0
        self._environment = settings
        self._functions = Functions(cloud, wire, simulated_time)

    def run(self, storm: Storm, *, with_spark: bool = False) -> Evidence:
        """With Spark, the last quiet hour's batches are real ones, which write the whole top ten: ten seconds each."""
        random.seed(storm.seed)
        self._begin(storm)
        self._with_spark = False
        log = io.StringIO()
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log), _logging_into(log):
            for hour in range(storm.hours):
                self._live_through(hour, [trouble for trouble in storm.troubles if trouble.hour == hour])
            self._calm_down()
            for hour in storm.quiet_slots:
                is_last = hour == storm.quiet_slots[-1]
                self._with_spark = with_spark and is_last
                self._live_through(hour, [Trouble(hour, "", tuple(map(Rotate, LISTENERS)))] if is_last else [])
                self._settle()
            self._evidence.plays_before_repair = rows(self._cloud, "plays")
            if any(isinstance(part, Fault) and part.action == "overlap" for part in storm.measures):
                assert self._owner.repair() == 0, log.getvalue()
                self._settle()
        gather(self._evidence, self._cloud, self._spotify, self._seen, log.getvalue())
        if with_spark:
            self._evidence.top_tracks = rows(self._cloud, "top_tracks")
            self._evidence.tracks = rows(self._cloud, "tracks")
        return self._evidence

    # Before

    def _begin(self, storm: Storm) -> None:
        self._count += 1
        shutil.rmtree(self._directory / f"storm-{self._count - 1}", ignore_errors=True)
        self._time.travel_to(FIRST_SLOT - timedelta(hours=1), also_back=True)
        self._cloud.start_over(self._directory / f"storm-{self._count}")
        # So a new version is unknown to the next run, and known to the one after it.
        self._cloud.secrets.lag = timedelta(minutes=90)
        self._spotify = FaultySpotify(self._cloud.clock, 1, invented_listeners(len(LISTENERS)))
        self._spotify_server.routes = self._spotify.routes
        self._script(storm)
        self._evidence = Evidence({name: self._spotify.lives[name] for name in LISTENERS})  # type: ignore[misc]
        self._agreed_at: dict[str, datetime] = {}
        self._owner = Owner(self._cloud, self._environment, self._evidence, self._go_round)
        self._seen: dict[str, frozenset[Key]] = {}
        self._disturbed = False
        self._functions.outliving.clear()
        self._ordered: list[tuple[str, list[tuple[Measure, Measure]]]] = []
        secrets.store_app(self._cloud, self._spotify)
        for name in LISTENERS:
            secrets.consent(self._cloud, self._spotify, name)
        landing, topic = self._environment["LANDING_BUCKET"], self._environment["PLAYS_LOADED_TOPIC"]
        self._cloud.subscribe(FINALIZED, lambda headers, body: self._functions.deliver("load", headers, body), landing)
        self._cloud.subscribe(
            MESSAGE_PUBLISHED, lambda headers, body: self._functions.deliver("transform_trigger", headers, body), topic
        )

    def _script(self, storm: Storm) -> None:
        quiet = [Listening(hour, name, QUIET_PLAYS) for hour in storm.quiet_slots for name in LISTENERS]
        plays = [
            play
            for listening in (*storm.listening, *quiet)
            for play in play_hour(listening, slot_of(listening.hour), self._spotify.catalogue, storm.seed)
        ]
        begins_at = FIRST_SLOT - timedelta(hours=1)
        for name, listener in self._spotify.listeners.items():
            life = ScriptedLife(listener, (play for play in plays if play.listener == name), begins_at)
            self._spotify.lives[name] = life  # type: ignore[assignment]

    # Hour by hour

    def _live_through(self, hour: int, troubles: list[Trouble]) -> None:
        slot = slot_of(hour)
        self._time.travel_to(slot + timedelta(seconds=2))
        self._cloud.events.release()
        for name in [name for name, at in self._agreed_at.items() if at <= slot]:
            del self._agreed_at[name]
            secrets.consent(self._cloud, self._spotify, name)
        self._disturbed = self._disturbed or bool(troubles)
        self._fate: str | None = None
        for trouble in troubles:
            self._ordered.append((trouble.kind, [(measure, self._take(measure, slot)) for measure in trouble.measures]))
        measures = [measure for trouble in troubles for measure in trouble.measures]
        call = next((measure for measure in reversed(measures) if isinstance(measure, Call)), Call())
        self._owner.undo_imports(slot)
        self._time.travel_to(slot + timedelta(minutes=call.late_minutes, seconds=2))
        for _ in range(call.times):
            self._call(slot)
        self._let_pass(hour, [minute for each in measures if isinstance(each, Force) for minute in each.minutes])
        if not troubles and not any(self._pending().values()):
            self._disturbed = False

    def _let_pass(self, hour: int, forced_minutes: list[int]) -> None:
        """The rest of the hour, with what the owner forces."""
        forced = [timedelta(minutes=minute, seconds=30) for minute in forced_minutes]
        for pause in sorted((*ROUNDS, *forced)):
            self._time.travel_to(slot_of(hour) + pause)
            if pause in forced:
                self._call(slot_of(hour + 1))
            self._go_round()

    def _take(self, measure: Measure, slot: datetime) -> Measure:
        """Do what has to be done; the measure, or what counts down in its place."""
        match measure:
            case Fault():
                left = replace(measure)
                self._cloud.faults.order(left)
                return left
            case SpotifyFault():
                self._spotify.faults.place(measure)
            case Rotate(listener, old_dies_at_once):
                self._spotify.rotate_next(listener, old_dies_at_once=old_dies_at_once)
            case Revoke(listener, hours):
                self._spotify.revoke(listener)
                self._agreed_at[listener] = slot + timedelta(hours=hours)
            case EndBatch(fate):
                self._fate = fate
            case Outlive():
                self._functions.outliving.append(measure)
            case Import():
                self._owner.import_history(measure, slot, self._directory / "export.json")
        return measure

    def _count_what_struck(self) -> None:
        """Not every fault that is ordered finds the call it waits for."""
        waiting: list[Measure] = [replace(order, skip=0) for order in self._spotify.faults.pending()]
        waiting += [replace(measure, skip=0) for measure in self._functions.outliving]
        for kind, measures in self._ordered:
            self._evidence.struck[kind] += any(_struck(measure, left, waiting) for measure, left in measures)

    def _call(self, slot: datetime) -> None:
        """Cloud Scheduler's call with its retries."""
        for seconds in (*RETRY_SECONDS, None):
            if self._attempt(slot) == 200:
                return
            if seconds:
                self._time.travel_to(datetime.now(UTC) + timedelta(seconds=seconds))
                self._go_round()  # load does not wait for the retry

    def _attempt(self, slot: datetime) -> int:
        """A call that carries this slot. It begins early in a second, so that the run's id is known."""
        self._time.travel_to(datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1.1))
        before = {name: len(self._spotify.pages.get(name, ())) for name in LISTENERS}
        began_at = datetime.now(UTC)
        status, answer = self._functions.call_ingest(slot)
        pages = tuple(
            self._page(name, page.at, began_at)
            for name in LISTENERS
            for page in list(self._spotify.pages.get(name, ()))[before[name] :]
        )
        own_slot = began_at.replace(microsecond=0) if slot > began_at + AHEAD else slot
        self._evidence.attempts.append(Attempt(own_slot, status, answer, pages, self._disturbed))
        return status

    def _page(self, name: str, as_of: datetime, began_at: datetime) -> Page:
        """A stale page is of an earlier instant than the one at which it was shown. No clock that was ahead counts."""
        plays, at = self._spotify.window(name, as_of), max(as_of, began_at)
        keys = frozenset(map(key_of, plays))
        oldest = plays[-1].played_at if plays else at
        newest = next((play.played_at for play in plays if play.played_at < at + BELIEVED_AHEAD), oldest)
        return Page(name, at, keys, oldest, newest)

    def _go_round(self) -> None:
        self._cloud.deliver_pending()
        # A stop that came while an event was on its way, before any function had it.
        self._cloud.faults.is_stopped = False
        for batch in self._cloud.dataproc.batches():
            self._let_work(batch)

    def _settle(self) -> None:
        """Until everything is delivered and no batch is at work; what takes longer than hours is left to the checks."""
        for _ in range(MOST_ROUNDS):
            if not any(self._pending().values()) and not self._cloud.dataproc.active():
                return
            self._time.travel_to(datetime.now(UTC) + timedelta(minutes=10))
            self._go_round()

    def _let_work(self, batch: dict[str, Any]) -> None:
        """What Dataproc does between two rounds."""
        batch_id, now = batch["name"].rpartition("/")[2], datetime.now(UTC)
        age = now - datetime.fromisoformat(batch["createTime"])
        if batch["state"] == "PENDING" and age >= timedelta(seconds=10):
            self._cloud.dataproc.start(batch_id)
            self._seen[batch_id] = frozenset(map(row_key, rows(self._cloud, "plays")))
        elif batch["state"] == "RUNNING" and age >= (BATCH_TIME_TO_LIVE if self._fate == "hangs" else BATCH_RUNS):
            state = {None: "SUCCEEDED", "hangs": "CANCELLED"}.get(self._fate, self._fate)
            if self._with_spark:
                log_path = self._directory / f"{batch_id}.log"
                assert run_batch(batch, log_path, self._environment) == 0, log_path.read_text()
            self._cloud.dataproc.finish(
                batch_id, str(state), "" if state == "SUCCEEDED" else "Ordered to end like this"
            )

    # After

    def _calm_down(self) -> None:
        self._count_what_struck()
        self._functions.outliving.clear()
        self._cloud.faults.clear()
        self._spotify.faults.clear()
        for name in self._agreed_at:
            secrets.consent(self._cloud, self._spotify, name)
        self._agreed_at.clear()
        left = self._owner.undo_imports(datetime.max.replace(tzinfo=UTC))
        self._evidence.broken_commands += [f"import --undo {import_id} does not work" for import_id in left]

    def _pending(self) -> dict[str, int]:
        counts = self._cloud.events.status()["subscriptions"]
        return {name: count["pending"] + count["held"] for name, count in counts.items()}


@contextlib.contextmanager
def _logging_into(log: io.StringIO) -> Iterator[None]:
    """What functions-framework says of an exception, too: under pytest it goes to pytest alone."""
    handler, root = logging.StreamHandler(log), logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


def _struck(measure: Measure, left: Measure, waiting: list[Measure]) -> bool:
    if isinstance(measure, Fault):
        return isinstance(left, Fault) and left.times != measure.times
    return not isinstance(measure, SpotifyFault | Outlive) or replace(measure, skip=0) not in waiting


def slot_of(hour: int) -> datetime:
    return FIRST_SLOT + timedelta(hours=hour)


@contextlib.contextmanager
def open_world() -> Iterator[World]:
    """A world with its own clock and environment. Memory is enough for its files, where there is such a place."""
    with contextlib.ExitStack() as stack:
        memory = Path("/dev/shm")
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)))
        simulated_time = SimulatedTime(
            stack.enter_context(time_machine.travel(FIRST_SLOT - timedelta(hours=1), tick=False))
        )
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        simulated_time.let_sleepers_move_it(patch)
        cloud = stack.enter_context(StormCloud(root / "storm-0", forgetful=True))
        server = Server("spotify", FaultySpotify(cloud.clock, 1, []).routes, cloud.faults).start()
        stack.callback(server.stop)
        settings = cloud.environment | {"SPOTIFY_ACCOUNTS_URL": server.url, "SPOTIFY_API_URL": server.url}
        key = root / "service-account.json"
        shutil.copy(settings["GOOGLE_APPLICATION_CREDENTIALS"], key)
        settings["GOOGLE_APPLICATION_CREDENTIALS"] = str(key)
        wire = Wire([cloud.server, server], time.monotonic)
        patch.setattr(HTTPAdapter, "send", lambda adapter, request, **how: wire.send(adapter, request, **how))
        for name, value in settings.items():
            patch.setenv(name, value)
        # Google's authentication notes that the laptop's account has no name.
        patch.setattr(logging.getLogger("google.oauth2.service_account"), "disabled", True)
        # One after the other: the same storm is the same storm each time.
        patch.setattr("collect._AT_ONCE", 1)
        # Google's tokens last an hour; fetching eight of them for each simulated hour would only take time.
        patch.setattr("localcloud.gcp.credentials.TOKEN_SECONDS", 30 * 86_400)
        yield World(cloud, server, wire, settings, simulated_time, root)
