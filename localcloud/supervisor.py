"""Runs the whole project as processes: Google's services, the invented Spotify and the three functions.

One supervisor owns one data directory. While it runs, DATA/environment.json holds the settings with which any
command reaches the laptop cloud.
"""

import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import requests

from localcloud import processes
from localcloud.clock import Clock
from localcloud.gcp import credentials, scheduler, set_up
from localcloud.gcp.eventarc.cloud_events import FINALIZED, MESSAGE_PUBLISHED
from localcloud.processes import Process

FUNCTIONS = ("ingest", "load", "transform_trigger")
_TIMEOUT_SECONDS = 60
_LOOK_SECONDS = 0.02


class NotRunning(Exception):
    """No laptop cloud runs on this data directory."""


class AlreadyRunning(Exception):
    """Another laptop cloud runs on this data directory."""


@dataclass(frozen=True)
class Plan:
    """What to start: where data is kept, which Spotify, and which time."""

    directory: Path
    simulate_spotify: bool = True
    simulated_from: datetime | None = None
    """Simulated time begins here; None: the functions, like everything, live in real time."""
    seed: int = 1
    settings: Mapping[str, str] | None = None
    """Settings that differ from the laptop's own, such as AUDIO_FEATURES_SOURCE."""
    consented_at: Mapping[str, datetime] = field(default_factory=dict)
    """When invented listeners consented, by slug, where that was before the simulated time begins."""
    emptied: bool = False
    """What the directory holds is deleted first."""


class RunningCloud:
    """A running laptop cloud, in this process or another one, reached through its settings."""

    def __init__(self, directory: Path, state: Mapping[str, Any]) -> None:
        self.directory = directory
        self.settings: dict[str, str] = state["settings"]
        self.addresses: dict[str, str] = state["addresses"]
        self.clock = Clock(clock_path(directory))
        self._session = requests.Session()
        self._session.headers.update(credentials.bearer(self.settings))

    def tick(self, slot: datetime, waits: Sequence[float] = ()) -> requests.Response:
        """Call ingest for a slot, as Cloud Scheduler does when the slot comes; ingest's last answer."""
        return scheduler.call(self.addresses["ingest"], slot, waits, _key_path(self.directory))

    def run_now(self) -> requests.Response:
        """Call ingest out of turn, as Cloud Scheduler does when a job is run by hand; ingest's answer."""
        return scheduler.force(self.addresses["ingest"], self.clock.now(), _key_path(self.directory))

    def control(self, service: str, method: str, path: str, body: Any = None) -> Any:
        """Call the control interface of a stand-in, which no Google or Spotify service has."""
        url = f"{self.addresses[service]}/_localcloud/{path}"
        response = self._session.request(method, url, json=body, timeout=_TIMEOUT_SECONDS)
        response.raise_for_status()
        return response.json() if response.content else None

    def pending(self) -> dict[str, Any]:
        """What is under way: undelivered events per subscription, active batches, events that were given up."""
        pending: dict[str, Any] = self.control("google", "GET", "pending")
        return pending

    def undelivered(self, *event_types: str) -> int:
        """How many events wait, of these types or of all."""
        waiting = self.pending()["subscriptions"].items()
        wanted = [counts for name, counts in waiting if not event_types or name.startswith(event_types)]
        return sum(counts["pending"] + counts["held"] for counts in wanted)


@contextmanager
def running(plan: Plan) -> Iterator[tuple[RunningCloud, list[Process]]]:
    """Start everything, and stop everything on the way out, whatever happened. Raises AlreadyRunning, ProcessFailed."""
    # Absolute, because settings lead to files in it and batches run in a directory of their own.
    plan = replace(plan, directory=plan.directory.resolve())
    plan.directory.mkdir(parents=True, exist_ok=True)
    with _locked(plan.directory):
        if plan.emptied:
            for each in plan.directory.iterdir():
                if each.name != ".gitignore":  # by which a start that follows a half-done one knows the directory
                    shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
        clock_path(plan.directory).unlink(missing_ok=True)  # an earlier start may have simulated another time
        plan.directory.chmod(0o700)
        umask = os.umask(0o077)  # plays, tokens and ports are the owner's alone, on a computer that others use
        with suppress(FileExistsError), (plan.directory / ".gitignore").open("x") as ignored:
            ignored.write("*\n")  # refresh tokens, in a directory that may lie in a git repository
        if plan.simulated_from is not None:
            Clock(clock_path(plan.directory)).set(plan.simulated_from)
        started: list[Process] = []
        try:
            laptop = _start(plan, started)
            yield laptop, started
        finally:
            os.umask(umask)
            state = _read_state(plan.directory)
            # Another cloud's stays: ours may have been renamed with its directory, and a new one started in its place.
            if state and state["supervisor"] == os.getpid():
                _state_path(plan.directory).unlink()
            processes.stop(started)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Until the block or this process ends, no other start touches the directory. Raises AlreadyRunning."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        state = _read_state(directory)  # None while the other one starts or stops
        process = f" (process {state['supervisor']})" if state else ""
        raise AlreadyRunning(
            f"A laptop cloud already runs on {directory}{process}: stop it with Ctrl-C "
            "where it runs, or give another directory with --data."
        ) from None
    try:
        yield
    finally:
        os.close(handle)


def attach(directory: Path) -> RunningCloud:
    """The laptop cloud that another process runs on this directory; raises NotRunning."""
    state = _read_state(directory)
    if state is None:
        raise NotRunning(f"No laptop cloud runs on {directory}. Run `python -m localcloud up --data {directory}`.")
    return RunningCloud(directory, state)


def clock_path(directory: Path) -> Path:
    return directory / "clock"


def _state_path(directory: Path) -> Path:
    return directory / "environment.json"


def _key_path(directory: Path) -> Path:
    return directory / "service-account.json"


def _start(plan: Plan, started: list[Process]) -> RunningCloud:
    parts = ["google", *(["spotify"] if plan.simulate_spotify else []), *FUNCTIONS]
    ports = {name: processes.free_port() for name in parts}
    addresses = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    settings = _settings(plan, addresses)
    # One request at a time, as in the cloud, where max_instance_request_concurrency is 1.
    environment = {**settings, "THREADS": "1", "WORKERS": "1", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(set_up.ROOT)}
    if plan.simulated_from:
        environment["LOCALCLOUD_CLOCK"] = str(clock_path(plan.directory))
    for name, port in ports.items():
        command, log_path = [*_command(plan, name), "--port", str(port)], plan.directory / "logs" / f"{name}.log"
        started.append(processes.start(name, command, port, environment, log_path))
    processes.wait_until_listening(started)
    owner = {"supervisor": os.getpid(), "supervisor_command": psutil.Process().cmdline()}
    state = {"settings": settings, "addresses": addresses, **owner}
    laptop = RunningCloud(plan.directory, state)
    for event_type, source, function in (
        (FINALIZED, settings["LANDING_BUCKET"], "load"),
        (MESSAGE_PUBLISHED, settings["PLAYS_LOADED_TOPIC"], "transform_trigger"),
    ):
        subscription = {"event_type": event_type, "source": source, "url": addresses[function]}
        laptop.control("google", "POST", "subscriptions", subscription)
    if plan.simulate_spotify:
        _store_invented_consents(laptop, plan)
    # Written beside it and renamed: no reader finds half of it, nor does the next start after a power failure.
    draft = _state_path(plan.directory).with_suffix(".new")
    draft.write_text(json.dumps(state, indent=2))
    draft.replace(_state_path(plan.directory))
    return laptop


def _settings(plan: Plan, addresses: Mapping[str, str]) -> dict[str, str]:
    key_path = _key_path(plan.directory)
    credentials.write_service_account(key_path, f"{addresses['google']}/token")
    settings = set_up.environment(addresses["google"], key_path)
    if plan.simulate_spotify:
        settings["SPOTIFY_ACCOUNTS_URL"] = settings["SPOTIFY_API_URL"] = addresses["spotify"]
        settings["RECCOBEATS_API_URL"] = f"{addresses['spotify']}/reccobeats"
    return {**settings, **(plan.settings or {})}


def _command(plan: Plan, name: str) -> list[str]:
    options = ["--key", str(_key_path(plan.directory))]
    if name not in FUNCTIONS or plan.simulated_from:
        options += ["--clock", str(clock_path(plan.directory))]
    if name in FUNCTIONS:
        module, source = "function_process", set_up.ROOT / "functions" / name / "main.py"
        options += ["--target", name, "--source", str(source)]
    else:
        module = {"google": "gcp.laptop_cloud", "spotify": "spotify.server"}[name]
        own = {"google": ["--first-wait", "1", "--longest-wait", "10"], "spotify": ["--seed", str(plan.seed)]}
        options += ["--data", str(plan.directory), *own[name]]
    python = function_python(name) if name in FUNCTIONS else sys.executable
    return [python, "-m", f"localcloud.{module}", *options]


def function_python(name: str) -> str:
    """The interpreter that has just this function's own requirements; `make setup` makes it."""
    return str(set_up.ROOT / ".venvs" / name / "bin" / "python")


def _store_invented_consents(laptop: RunningCloud, plan: Plan) -> None:
    """Store the secrets that ingest would have if each invented listener had just consented; existing ones stay."""
    app = laptop.control("spotify", "GET", "app")
    client = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    set_up.store_secret(laptop.settings, "spotify-client", {"app": "heavy-rotation"}, lambda: client)
    for slug in (listener["slug"] for listener in app["listeners"]):
        labels = {"app": "heavy-rotation", "kind": "refresh-token", "listener": slug}
        agree = partial(laptop.control, "spotify", "POST", "consent", {"listener": slug})
        if slug in plan.consented_at:
            laptop.clock.set(plan.consented_at[slug])
        set_up.store_secret(laptop.settings, f"refresh-token-{slug}", labels, agree)
    if plan.simulated_from is not None:
        laptop.clock.set(plan.simulated_from)


def _read_state(directory: Path) -> dict[str, Any] | None:
    """What a running supervisor has written in the directory. The file of a dead one does not count, even where another
    process has its number now, nor does a damaged one.
    """
    try:
        state: dict[str, Any] = json.loads(_state_path(directory).read_text())
        # Not by the time it began: on Linux that moves when the clock is set.
        command = psutil.Process(state["supervisor"]).cmdline()
        return state if command == state["supervisor_command"] else None
    except (FileNotFoundError, ValueError, LookupError, TypeError, psutil.Error):
        return None


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll until the condition holds; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_SECONDS)
    return True
