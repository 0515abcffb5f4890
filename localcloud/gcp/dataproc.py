"""Dataproc's serverless batches over REST: submitted, queued, run one at a time, stored.

How a batch runs is the caller's (`run_batch`); without it batches stay PENDING until `start` and `finish`, by which
tests play Dataproc.
"""

import json
import queue
import sqlite3
import threading
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from localcloud.clock import Clock
from localcloud.gcp.state import State
from localcloud.web import ApiError, Log, Request, Response, Routes, list_page, rfc3339

Batch = dict[str, Any]
RunBatch = Callable[[Batch, Path], int]
"""Runs a batch to its end, with its output in the given file; returns the exit code."""

ACTIVE = ("PENDING", "RUNNING", "CANCELLING")
_PAUSE_SECONDS = 1.0
_LOCATION = "/v1/projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)"
_FIELDS = {"pysparkBatch", "runtimeConfig", "environmentConfig", "labels"}
_TYPES = "type.googleapis.com/google.cloud.dataproc.v1"


class Dataproc:
    """`routes` is what a server serves."""

    def __init__(self, directory: Path, state: State, clock: Clock, log: Log, run_batch: RunBatch | None) -> None:
        self._directory, self._state, self._clock, self._log = directory, state, clock, log
        state.create("""CREATE TABLE IF NOT EXISTS batches (name TEXT PRIMARY KEY, number INTEGER NOT NULL,
            request_id TEXT, resource TEXT NOT NULL)""")
        self.routes = Routes()
        self.routes.add("POST", f"{_LOCATION}/batches", self.create_batch)
        self.routes.add("GET", f"{_LOCATION}/batches", self.list_batches)
        get_batch = f"{_LOCATION}/batches/(?P<batch>[^/:]+)"
        self.routes.add("GET", get_batch, lambda request: Response.of_json(self.batch(request.params["batch"])))
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        if run_batch is not None:
            for batch in reversed(self.batches()):
                if batch["state"] == "PENDING":
                    self._waiting.put(_id(batch))
                else:
                    self.finish(_id(batch), "FAILED", "The laptop cloud was stopped while the batch ran")
            threading.Thread(target=self._work, args=(run_batch,), name="batches", daemon=True).start()

    def batches(self) -> list[Batch]:
        """All batches, newest first."""
        return [_loaded(row) for row in self._state.rows("SELECT resource FROM batches ORDER BY number DESC")]

    def batch(self, batch_id: str) -> Batch:
        found = [batch for batch in self.batches() if _id(batch) == batch_id]
        if not found:
            raise ApiError(404, "notFound", f"Not found: Batch {batch_id}")
        return found[0]

    def start(self, batch_id: str) -> bool:
        """PENDING → RUNNING; false when it had ended before."""
        with self._state.transaction():
            batch = self.batch(batch_id)
            if batch["state"] != "PENDING":
                return False
            self._enter(batch, "RUNNING", "")
        return True

    def finish(self, batch_id: str, state: str, message: str = "") -> None:
        """Let a batch end as SUCCEEDED, FAILED or CANCELLED; one that has ended stays as it is."""
        with self._state.transaction():
            batch = self.batch(batch_id)
            if batch["state"] in ACTIVE:
                self._enter(batch, state, message)
                self._log(
                    "Batch ended", severity="INFO" if state == "SUCCEEDED" else "ERROR", batch=batch_id, state=state
                )

    def active(self) -> list[str]:
        """The ids of batches that wait or run, newest first."""
        return [_id(batch) for batch in self.batches() if batch["state"] in ACTIVE]

    def stop(self) -> None:
        """Start no further batch."""
        self._stopping.set()
        self._waiting.put(None)

    def create_batch(self, request: Request) -> Response:
        batch_id, request_id = request.arg("batchId") or "", request.arg("requestId")
        for unknown in request.json().keys() - _FIELDS:
            raise ApiError(501, "notImplemented", f"The laptop cloud does not imitate batches.{unknown}")
        name = f"{_parent(request)}/batches/{batch_id}"
        with self._state.transaction() as db:
            known = db.execute("SELECT * FROM batches WHERE name = ?", (name,)).fetchone()
            if known is None:
                now = rfc3339(self._clock.now())
                place = f"projects/{request.params['project']}/regions/{request.params['location']}"
                operation = f"{place}/operations/{uuid.uuid4()}"
                own = {"name": name, "uuid": str(uuid.uuid4()), "createTime": now, "state": "PENDING", "stateTime": now}
                batch = {**request.json(), **own, "creator": "laptop", "operation": operation}
                row = (name, self._state.next_number("batch"), request_id, json.dumps(batch))
                db.execute("INSERT INTO batches VALUES (?, ?, ?, ?)", row)
                self._waiting.put(batch_id)
                self._log("Batch submitted", batch=batch_id)
                return Response.of_json(_operation_resource(batch))
            if request_id is None or known["request_id"] != request_id:
                raise ApiError(409, "alreadyExists", f"Already exists: Failed to create batch: Batch {name}")
            return Response.of_json(_operation_resource(_loaded(known)))

    def list_batches(self, request: Request) -> Response:
        if request.arg("orderBy") not in (None, "", "create_time desc"):
            raise ApiError(501, "notImplemented", f"The laptop cloud does not imitate orderBy={request.arg('orderBy')}")
        mine = [batch for batch in self.batches() if batch["name"].startswith(f"{_parent(request)}/batches/")]
        return Response.of_json(list_page("batches", mine, request, default_size=20))

    def _enter(self, batch: Batch, state: str, message: str) -> None:
        changed = {**batch, "state": state, "stateTime": rfc3339(self._clock.now()), "stateMessage": message}
        with self._state.transaction() as db:
            db.execute("UPDATE batches SET resource = ? WHERE name = ?", (json.dumps(changed), batch["name"]))

    def _work(self, run_batch: RunBatch) -> None:
        """Spark needs the whole laptop: one batch after the other."""
        while (batch_id := self._waiting.get()) is not None:
            if self._stored(batch_id, partial(self.start, batch_id)):
                self._stored(batch_id, partial(self.finish, batch_id, *self._outcome(batch_id, run_batch)))

    def _stored(self, batch_id: str, store: Callable[[], Any]) -> Any:
        """What `store` returns, which is called until it fails no more, as where a disk is full, or until the stop."""
        while not self._stopping.is_set():
            try:
                return store()
            except Exception as error:
                cause = f"{type(error).__name__}: {error}"
                self._log("Batch could not be stored", severity="ERROR", batch=batch_id, error=cause)
                self._stopping.wait(_PAUSE_SECONDS)
        return None

    def _outcome(self, batch_id: str, run_batch: RunBatch) -> tuple[str, str]:
        log_path = self._directory / f"{batch_id}.log"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            exit_code = run_batch(self.batch(batch_id), log_path)
        except Exception as error:
            return "FAILED", f"The driver could not be run: {type(error).__name__}: {error}"
        message = f"The driver ended with exit code {exit_code}; its output is in {log_path}"
        return ("FAILED", message) if exit_code else ("SUCCEEDED", "")


def _parent(request: Request) -> str:
    return f"projects/{request.params['project']}/locations/{request.params['location']}"


def _id(batch: Batch) -> str:
    return str(batch["name"].rpartition("/")[2])


def _loaded(row: sqlite3.Row) -> Batch:
    batch: Batch = json.loads(row["resource"])
    return batch


def _operation_resource(batch: Batch) -> dict[str, Any]:
    """The operation that answers a call which creates a batch. No part waits for it."""
    metadata = {
        "@type": f"{_TYPES}.BatchOperationMetadata",
        "batch": batch["name"],
        "batchUuid": batch["uuid"],
        "createTime": batch["createTime"],
    }
    return {"name": batch["operation"], "metadata": metadata, "done": batch["state"] not in ACTIVE}
