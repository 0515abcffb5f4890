"""The world of a storm: the laptop cloud, an invented Spotify and the three functions as they are, in simulated time.

Nobody waits: whoever sleeps moves the time instead. A killed function is one whose every further call is refused; it
then starts anew. One world serves many storms, each with an empty cloud.
"""

import base64
import contextlib
import io
import json
import logging
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import functions_framework
import pytest
import time_machine
from requests.adapters import HTTPAdapter

from cli.__main__ import main
from cli.commands.import_history import store_plays, undo
from localcloud.faults import Fault
from localcloud.gcp.bigquery.googlesql.translate import TableId
from localcloud.gcp.eventarc.cloud_events import FINALIZED, MESSAGE_PUBLISHED
from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.gcp.scheduler import HOURLY
from localcloud.listeners.listeners import invented_listeners
from localcloud.spark.batch import run_batch
from localcloud.spotify.data_export import export_row
from localcloud.spotify.faults import Order
from localcloud.spotify.server import Spotify
from localcloud.web import Server
from tests.faults.evidence import Attempt, Batch, Evidence, Key, Page, Row, key_of, row_key
from tests.faults.scripted_life import ScriptedLife, play_hour
from tests.faults.storms import (
    LISTENERS,
    Call,
    EndBatch,
    Force,
    Heard,
    Import,
    Measure,
    Outlive,
    Revoke,
    Rotate,
    Storm,
    Trouble,
)
from tests.faults.wire import Wire

ROOT = Path(__file__).parents[2]
FUNCTIONS = {"ingest": "http", "load": "cloudevent", "transform_trigger": "http"}
# A function's folder is its root, in the cloud and here.
sys.path += [str(ROOT / "functions" / name) for name in FUNCTIONS]
FIRST_SLOT = datetime(2026, 11, 20, 10, tzinfo=UTC)
LABELS = {"app": "heavy-rotation", "kind": "refresh-token"}

# How often Cloud Scheduler retries within the hour with terraform/schedule.tf (tests/localcloud/gcp/test_scheduler.py).
RETRY_SECONDS = tuple(wait * 30 for wait in HOURLY.waits())
# A header that is further ahead of the clock belongs to a run out of turn.
AHEAD = timedelta(minutes=1)
GOOGLES_ZONE = ZoneInfo("America/Los_Angeles")
# When within an hour events are delivered and batches looked at, after the schedule's call.
ROUNDS = (timedelta(seconds=20), timedelta(minutes=3), timedelta(minutes=12), timedelta(minutes=40))
MOST_ROUNDS = 12
HANDLER_TIMES_OUT = timedelta(seconds=540)
"""As in terraform/load.tf: the longest that Cloud Run gives to an event."""
BATCH_RUNS = timedelta(minutes=5)
BATCH_TIME_TO_LIVE = timedelta(minutes=30)
QUIET_PLAYS = 3


class World:
    """Use `open_world`. `run` lets a storm pass and returns the evidence."""

    def __init__(
        self,
        cloud: LaptopCloud,
        spotify_server: Server,
        wire: Wire,
        settings: dict[str, str],
        traveller: Any,
        directory: Path,
    ) -> None:
        self._cloud, self._spotify_server, self._wire, self._traveller = cloud, spotify_server, wire, traveller
        self._directory, self._count = directory, 0
        self._environment = settings
        self._project = self._environment["GOOGLE_CLOUD_PROJECT"]
        self._functions: dict[str, Any] = {}
        for name in FUNCTIONS:
            self._start(name)

    def run(self, storm: Storm, *, with_spark: bool = False) -> Evidence:
        """With Spark, the batches of the quiet hours are real ones: some ten seconds each."""
        random.seed(storm.seed)
        self._begin(storm)
        self._with_spark = False
        log = io.StringIO()
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log), _logging_into(log):
            for hour in range(storm.hours):
                self._live_through(hour, [trouble for trouble in storm.troubles if trouble.hour == hour])
            self._calm_down()
            self._with_spark = with_spark
            for hour in storm.quiet_slots:
                is_last = hour == storm.quiet_slots[-1]
                self._live_through(hour, [Trouble(hour, "", tuple(map(Rotate, LISTENERS)))] if is_last else [])
                self._settle()
            self._evidence.plays_before_repair = self._rows("plays")
            if any(isinstance(part, Fault) and part.action == "overlap" for part in storm.measures):
                assert main(["repair"], self._environment) == 0, log.getvalue()
                self._settle()
        return self._gather(log.getvalue())

    # Before

    def _begin(self, storm: Storm) -> None:
        self._count += 1
        shutil.rmtree(self._directory / f"storm-{self._count - 1}", ignore_errors=True)
        self._travel_to(FIRST_SLOT - timedelta(hours=1), also_back=True)
        self._cloud.start_over(self._directory / f"storm-{self._count}")
        self._spotify = Spotify(self._cloud.clock, 1, invented_listeners(len(LISTENERS)))
        self._spotify_server.routes = self._spotify.routes
        self._script(storm)
        self._evidence = Evidence({name: self._spotify.lives[name] for name in LISTENERS})  # type: ignore[misc]
        self._agreed_at: dict[str, datetime] = {}
        self._undo_at: dict[str, datetime] = {}
        self._seen: dict[str, frozenset[Key]] = {}
        self._disturbed = False
        self._outliving: list[Outlive] = []
        self._ordered: list[tuple[str, list[tuple[Measure, Measure]]]] = []
        self._store(
            "spotify-client", {name: getattr(self._spotify.app, name) for name in ("client_id", "client_secret")}
        )
        for name in LISTENERS:
            self._consent(name)
        landing, topic = self._environment["LANDING_BUCKET"], self._environment["PLAYS_LOADED_TOPIC"]
        self._cloud.subscribe(FINALIZED, lambda headers, body: self._deliver("load", headers, body), landing)
        self._cloud.subscribe(
            MESSAGE_PUBLISHED, lambda headers, body: self._deliver("transform_trigger", headers, body), topic
        )

    def _script(self, storm: Storm) -> None:
        quiet = [Heard(hour, name, QUIET_PLAYS) for hour in storm.quiet_slots for name in LISTENERS]
        plays = [
            play
            for heard in (*storm.heard, *quiet)
            for play in play_hour(heard, slot_of(heard.hour), self._spotify.catalogue, storm.seed)
        ]
        begins_at = FIRST_SLOT - timedelta(hours=1)
        for name, listener in self._spotify.listeners.items():
            life = ScriptedLife(listener, (play for play in plays if play.listener == name), begins_at)
            self._spotify.lives[name] = life  # type: ignore[assignment]

    def _consent(self, name: str) -> None:
        """What `python -m cli authorize` leaves behind."""
        self._store(f"refresh-token-{name}", self._spotify.consent(name), {**LABELS, "listener": name})

    def _store(self, secret: str, payload: dict[str, str], labels: dict[str, str] | None = None) -> None:
        self._cloud.secrets.store(self._project, secret, json.dumps(payload).encode(), labels)

    # Hour by hour

    def _live_through(self, hour: int, troubles: list[Trouble]) -> None:
        slot = slot_of(hour)
        self._travel_to(slot + timedelta(seconds=2))
        self._cloud.events.release()
        for name in [name for name, at in self._agreed_at.items() if at <= slot]:
            del self._agreed_at[name]
            self._consent(name)
        self._disturbed = self._disturbed or bool(troubles)
        self._fate: str | None = None
        for trouble in troubles:
            self._ordered.append((trouble.kind, [(measure, self._take(measure, slot)) for measure in trouble.measures]))
        measures = [measure for trouble in troubles for measure in trouble.measures]
        call = next((measure for measure in reversed(measures) if isinstance(measure, Call)), Call())
        self._undo(slot)
        self._travel_to(slot + timedelta(minutes=call.late_minutes, seconds=2))
        for _ in range(call.times):
            self._call(slot)
        self._let_pass(hour, [minute for each in measures if isinstance(each, Force) for minute in each.minutes])
        if not troubles and not any(self._pending().values()):
            self._disturbed = False

    def _let_pass(self, hour: int, forced_minutes: list[int]) -> None:
        """The rest of the hour, with what the owner forces."""
        forced = [timedelta(minutes=minute, seconds=30) for minute in forced_minutes]
        for pause in sorted((*ROUNDS, *forced)):
            self._travel_to(slot_of(hour) + pause)
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
            case Order():
                self._spotify.orders.place(measure)
            case Rotate(listener, old_dies_at_once):
                self._spotify.rotate_next(listener, old_dies_at_once=old_dies_at_once)
            case Revoke(listener, hours):
                self._spotify.revoke(listener)
                self._agreed_at[listener] = slot + timedelta(hours=hours)
            case EndBatch(fate):
                self._fate = fate
            case Outlive():
                self._outliving.append(measure)
            case Import():
                self._import(measure, slot)
        return measure

    def _import(self, measure: Import, slot: datetime) -> None:
        """Of the whole life up to then, what the API never shows among it."""
        until = slot - timedelta(hours=measure.ended_hours_ago)
        plays = [play for play in self._evidence.lives[measure.listener].plays if play.played_at <= until]
        if not plays:
            return
        path = self._directory / "export.json"
        path.write_text(json.dumps([export_row(play) for play in plays]))
        before = {row["import_id"] for row in self._rows("imports")}
        self._command("import", measure.listener, str(path), "--anyway", "--timeout", "60")
        if measure.undone_after_hours is not None:
            due_at = slot + timedelta(hours=measure.undone_after_hours)
            new = {row["import_id"] for row in self._rows("imports")} - before
            self._undo_at |= dict.fromkeys(new, due_at)

    def _undo(self, instant: datetime) -> None:
        """The owner repeats what did not work, an hour later."""
        for import_id in [import_id for import_id, due_at in self._undo_at.items() if due_at <= instant]:
            if self._command("import", "--undo", import_id) == 0:
                del self._undo_at[import_id]

    def _command(self, *arguments: str) -> int:
        """What `python -m cli` comes to; while it waits, events are delivered."""
        code = 1
        with pytest.MonkeyPatch.context() as patch:
            clock = SimpleNamespace(monotonic=time.monotonic, sleep=self._wait_and_go_round)
            for module in (store_plays, undo):
                patch.setattr(module, "time", clock)
            try:
                code = main(arguments, self._environment)
            except Exception as error:
                # Who is killed says nothing.
                if not self._cloud.faults.is_stopped:
                    self._evidence.broken_commands.append(f"{arguments}: {error!r}")
        self._cloud.faults.resume()
        return code

    def _wait_and_go_round(self, seconds: float) -> None:
        time.sleep(seconds)
        self._go_round()

    def _count_what_struck(self) -> None:
        """Not every fault that is ordered finds the call it waits for."""
        waiting: list[Measure] = [replace(order, skip=0) for order in self._spotify.orders.pending()]
        waiting += [replace(measure, skip=0) for measure in self._outliving]
        for kind, measures in self._ordered:
            self._evidence.struck[kind] += any(_struck(measure, left, waiting) for measure, left in measures)

    def _call(self, slot: datetime) -> None:
        """Cloud Scheduler's call with its retries."""
        for seconds in (*RETRY_SECONDS, None):
            if self._attempt(slot) == 200:
                return
            if seconds:
                self._travel_to(datetime.now(UTC) + timedelta(seconds=seconds))
                self._go_round()  # load does not wait for the retry

    def _attempt(self, slot: datetime) -> int:
        """A call that carries this slot. It begins early in a second, so that the run's id is known."""
        self._travel_to(datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1.1))
        before = {name: len(self._spotify.pages.get(name, ())) for name in LISTENERS}
        began_at = datetime.now(UTC)
        headers = {"X-CloudScheduler-ScheduleTime": slot.astimezone(GOOGLES_ZONE).isoformat()}
        response = self._functions["ingest"].post("/", headers=headers)
        status = 0 if self._bury("ingest") else response.status_code
        pages = tuple(
            self._page(name, as_of, began_at) for name in LISTENERS for as_of in self._pages_since(name, before[name])
        )
        answer = response.get_json(silent=True) or {}
        own_slot = began_at.replace(microsecond=0) if slot > began_at + AHEAD else slot
        self._evidence.attempts.append(Attempt(own_slot, status, answer, pages, self._disturbed))
        return status

    def _pages_since(self, name: str, count: int) -> list[datetime]:
        return [page.at for page in list(self._spotify.pages.get(name, ()))[count:]]

    def _page(self, name: str, as_of: datetime, began_at: datetime) -> Page:
        """A stale page tells of an earlier instant than the one at which it was shown."""
        plays, at = self._spotify.window(name, as_of), max(as_of, began_at)
        keys = frozenset(map(key_of, plays))
        oldest, newest = (plays[-1].played_at, plays[0].played_at) if plays else (at, at)
        return Page(name, at, keys, oldest, newest)

    def _deliver(self, name: str, headers: dict[str, str], body: bytes) -> int:
        if not self._outliving:
            return self._handle(name, headers, body)
        left = self._outliving[0].skip

        def redeliver() -> None:
            nonlocal left
            if left == 0:
                self._wire.before_call = lambda: None
                del self._outliving[0]
                self._travel_to(datetime.now(UTC) + HANDLER_TIMES_OUT)
                self._handle(name, headers, body)
            left -= 1

        self._wire.before_call = redeliver
        status = self._handle(name, headers, body)
        self._wire.before_call = lambda: None
        return status if left >= 0 else 504

    def _handle(self, name: str, headers: dict[str, str], body: bytes) -> int:
        status = self._functions[name].post("/", data=body, headers=headers).status_code
        return 0 if self._bury(name) else int(status)

    def _bury(self, name: str) -> bool:
        """If the function was killed, start it anew."""
        if not self._cloud.faults.is_stopped:
            return False
        self._cloud.faults.resume()
        self._start(name)
        return True

    def _start(self, name: str) -> None:
        source = ROOT / "functions" / name / "main.py"
        self._functions[name] = functions_framework.create_app(name, str(source), FUNCTIONS[name]).test_client()

    def _go_round(self) -> None:
        self._cloud.deliver_pending()
        self._cloud.faults.resume()  # a stop that came while an event was on its way, before any function had it
        for batch in self._cloud.dataproc.batches():
            self._let_work(batch)

    def _settle(self) -> None:
        """Until everything is delivered and no batch is at work; what takes longer than hours is left to the checks."""
        for _ in range(MOST_ROUNDS):
            if not any(self._pending().values()) and not self._cloud.dataproc.active():
                return
            self._travel_to(datetime.now(UTC) + timedelta(minutes=10))
            self._go_round()

    def _let_work(self, batch: dict[str, Any]) -> None:
        """What Dataproc does between two rounds."""
        batch_id, now = batch["name"].rpartition("/")[2], datetime.now(UTC)
        age = now - datetime.fromisoformat(batch["createTime"])
        if batch["state"] == "PENDING" and age >= timedelta(seconds=10):
            self._cloud.dataproc.start(batch_id)
            self._seen[batch_id] = frozenset(map(row_key, self._rows("plays")))
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
        self._outliving.clear()
        self._cloud.faults.clear()
        self._spotify.orders.clear()
        for name in self._agreed_at:
            self._consent(name)
        self._agreed_at.clear()
        self._undo(datetime.max.replace(tzinfo=UTC))
        self._evidence.broken_commands += [f"import --undo {import_id} does not work" for import_id in self._undo_at]

    def _gather(self, log: str) -> Evidence:
        evidence, storage = self._evidence, self._cloud.storage
        evidence.plays, evidence.gaps, evidence.ledger = self._rows("plays"), self._rows("gaps"), self._ledger()
        evidence.imports = self._rows("imports")
        if self._with_spark:
            evidence.top_tracks, evidence.tracks = self._rows("top_tracks"), self._rows("tracks")
        landing, quarantine = self._environment["LANDING_BUCKET"], self._environment["QUARANTINE_BUCKET"]
        evidence.landed = {name: storage.read(landing, name).decode() for name in storage.names(landing)}
        evidence.other_texts = [log, *(storage.read(quarantine, name).decode() for name in storage.names(quarantine))]
        evidence.other_texts += [json.dumps(attempt.answer) for attempt in evidence.attempts]
        evidence.other_texts += [json.dumps(batch) for batch in self._cloud.dataproc.batches()]
        app = self._spotify.app
        encoded = base64.b64encode(f"{app.client_id}:{app.client_secret}".encode()).decode()
        evidence.secrets = frozenset({app.client_secret, encoded} | self._spotify.consents.all_secrets())
        evidence.tokens = {
            name: (self._kept_token(name), self._spotify.consents.newest_token(name)) for name in LISTENERS
        }
        evidence.batches = [self._batch(batch) for batch in self._cloud.dataproc.batches()]
        evidence.undelivered = self._cloud.events.status()["subscriptions"]
        return evidence

    def _kept_token(self, name: str) -> str:
        return str(json.loads(self._cloud.secrets.payload(self._project, f"refresh-token-{name}"))["refresh_token"])

    def _batch(self, batch: dict[str, Any]) -> Batch:
        batch_id = batch["name"].rpartition("/")[2]
        arguments = dict(argument.split("=", 1) for argument in batch["pysparkBatch"]["args"])
        return Batch(
            batch_id,
            batch["state"],
            datetime.fromisoformat(batch["createTime"]),
            datetime.fromisoformat(batch["stateTime"]),
            datetime.fromisoformat(arguments["--as-of"]),
            self._seen.get(batch_id, frozenset()),
        )

    def _pending(self) -> dict[str, int]:
        counts = self._cloud.events.status()["subscriptions"]
        return {name: count["pending"] + count["held"] for name, count in counts.items()}

    def _rows(self, table: str) -> list[Row]:
        return self._cloud.bigquery.rows(TableId(self._project, self._environment["DATASET"], table))

    def _ledger(self) -> list[Row]:
        return [row | {"details": json.loads(row["details"] or "null")} for row in self._rows("runs")]

    def _travel_to(self, instant: datetime, *, also_back: bool = False) -> None:
        if also_back or instant > datetime.now(UTC):
            self._traveller.move_to(instant)


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
    return not isinstance(measure, Order | Outlive) or replace(measure, skip=0) not in waiting


def slot_of(hour: int) -> datetime:
    return FIRST_SLOT + timedelta(hours=hour)


@contextlib.contextmanager
def open_world(directory: Path | None = None) -> Iterator[World]:
    """A world with its own clock and environment. Memory is enough for its files, where there is such a place."""
    with contextlib.ExitStack() as stack:
        memory = Path("/dev/shm")
        root = directory or Path(
            stack.enter_context(tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None))
        )
        traveller = stack.enter_context(time_machine.travel(FIRST_SLOT - timedelta(hours=1)))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        _let_sleepers_move_the_time(patch, traveller)
        cloud = stack.enter_context(LaptopCloud(root / "storm-0", forgetful=True))
        server = Server("spotify", Spotify(cloud.clock, 1, []).routes, cloud.faults).start()
        stack.callback(server.stop)
        settings = cloud.environment | {"SPOTIFY_ACCOUNTS_URL": server.url, "SPOTIFY_API_URL": server.url}
        key = root / "service-account.json"
        shutil.copy(settings["GOOGLE_APPLICATION_CREDENTIALS"], key)
        settings["GOOGLE_APPLICATION_CREDENTIALS"] = str(key)
        settings["NO_PROXY"] = "127.0.0.1"  # or requests looks for a proxy in the whole environment at each call
        wire = Wire([*cloud.servers, server], time.monotonic)
        patch.setattr(HTTPAdapter, "send", lambda adapter, request, **how: wire.send(adapter, request, **how))
        for name, value in settings.items():
            patch.setenv(name, value)
        # Google's authentication notes that the laptop's account has no name.
        patch.setattr(logging.getLogger("google.oauth2.service_account"), "disabled", True)
        # One after the other: the same storm is the same storm each time.
        patch.setattr("collect._AT_ONCE", 1)
        # Google's tokens last an hour; fetching eight of them for each simulated hour would only take time.
        patch.setattr("localcloud.gcp.credentials.TOKEN_SECONDS", 30 * 86_400)
        yield World(cloud, server, wire, settings, traveller, root)


def _let_sleepers_move_the_time(patch: pytest.MonkeyPatch, traveller: Any) -> None:
    """Both clocks: Google's retries look at the monotonic one for their deadlines.

    Sleeping alone moves the monotonic one: no time-out depends on how busy the machine is.
    """
    began, slept, lock = time.monotonic(), [0.0], threading.Lock()

    def sleep(seconds: float) -> None:
        with lock:
            slept[0] += seconds
            traveller.shift(timedelta(seconds=seconds))

    patch.setattr(time, "sleep", sleep)
    patch.setattr(time, "monotonic", lambda: began + slept[0])
