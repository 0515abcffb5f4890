"""Google's services as one server: inside a test, or as a process of its own.

    with LaptopCloud(tmp_path) as cloud:
        environment = cloud.environment          # every setting; Spotify's addresses lead nowhere until replaced
        cloud.subscribe(FINALIZED, deliver)      # headers and body in, HTTP status out
        cloud.faults.order(Fault("gcp POST /upload/.*"))
        cloud.clock.set(instant)
        outcomes = cloud.deliver_pending()       # events are delivered only here

Faults call BigQuery "bigquery", all else "gcp", and deliveries "events deliver TYPE OBJECT-NAME-OR-MESSAGE-ID".
`python -m localcloud.gcp.laptop_cloud --data DIR` runs until SIGTERM or Ctrl-C; a restart finds its state again.
"""

import argparse
import os
import shutil
from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from localcloud import processes
from localcloud.clock import Clock
from localcloud.faults import Fault, Faults
from localcloud.gcp import set_up
from localcloud.gcp.bigquery.service import BigQuery
from localcloud.gcp.credentials import TOKEN_PATH, Doorkeeper, token_routes, write_service_account
from localcloud.gcp.dataproc import Batch, Dataproc, RunBatch
from localcloud.gcp.eventarc.cloud_events import object_finalized
from localcloud.gcp.eventarc.eventarc import Backoff, Events, to_url
from localcloud.gcp.project import Project
from localcloud.gcp.pubsub import PubSub
from localcloud.gcp.secret_manager import SecretManager
from localcloud.gcp.state import State
from localcloud.gcp.storage.api import StorageApi
from localcloud.gcp.storage.objects import Resource, Storage
from localcloud.web import CONTROL, ApiError, Log, Request, Response, Routes, Server, log, say_nothing

_DISCARD = "http://127.0.0.1:9"
"""The discard port: a call to Spotify is refused at once where a test runs no simulator."""


class LaptopCloud:
    """Used as a context manager; entering another one on the same directory is a restart.

    `forgetful`: the warehouse is kept in memory instead of in the directory, which is quicker. `key_path`: the key file
    of the only callers that are answered; without it a new one is written, and every caller is.
    """

    def __init__(
        self,
        directory: Path,
        run_batch: RunBatch | None = None,
        *,
        forgetful: bool = False,
        clock: Clock | None = None,
        log: Log = say_nothing,
        backoff: Backoff | None = None,
        port: int = 0,
        key_path: Path | None = None,
    ) -> None:
        self.faults, self.clock = Faults(), clock or Clock()
        self._run_batch, self._forgetful, self._log, self._backoff = run_batch, forgetful, log, backoff
        self._key_path, self._door = key_path, Doorkeeper(key_path, except_for=TOKEN_PATH) if key_path else None
        self.server = Server("gcp", self._open(directory), self.faults, port, self._door)
        self.url = self.server.url
        if key_path is None:
            key_path = directory / "service-account.json"
            write_service_account(key_path, f"{self.url}{TOKEN_PATH}")
        nowhere = dict.fromkeys(("SPOTIFY_ACCOUNTS_URL", "SPOTIFY_API_URL", "RECCOBEATS_API_URL"), _DISCARD)
        self.environment = set_up.environment(self.url, key_path) | nowhere

    def _open(self, directory: Path) -> Routes:
        self.directory, self.state = directory, State(directory / "state.sqlite")
        self.events = Events(self.state, self.clock, self.faults, self._log, self._backoff)
        self.subscribe, self.deliver_pending = self.events.subscribe, self.events.deliver_pending
        self.storage = Storage(directory, self.state, self.clock, self._publish_finalized)
        self.secrets = SecretManager(self.state, self.clock)
        self.pubsub = PubSub(self.state, self.clock, self.events)
        self.dataproc = Dataproc(directory / "batches", self.state, self.clock, self._log, self._run_batch)
        self.project = Project()
        place = None if self._forgetful else directory
        self.bigquery = BigQuery(place, self.storage.read_object, self.storage.write_object, self.clock, self.faults)
        routes = self._control_routes()
        routes.extend(token_routes(self._door))
        routes.extend(StorageApi(self.storage).routes)
        for service in (self.secrets, self.pubsub, self.dataproc, self.project, self.bigquery):
            routes.extend(service.routes)
        return routes

    def __enter__(self) -> Self:
        set_up.create_resources(self.environment, self._answer)
        self._clear_spark()
        self.server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.stop()
        self.close()

    def close(self) -> None:
        self.events.stop()
        self.dataproc.stop()
        self.state.close()
        self.bigquery.close()

    def _clear_spark(self) -> None:
        """Delete the plays that killed batches have left in files, unless a batch waits or runs."""
        with self.state.lock:  # none is submitted meanwhile
            if self.dataproc.active():
                return
            for scratch in (self.directory / "batches").glob("spark-*"):
                shutil.rmtree(scratch, ignore_errors=True)  # its driver may be ending at this moment
            bucket = self.environment["SPARK_TEMP_BUCKET"]
            for name in self.storage.names(bucket):
                self.storage.delete(bucket, name)

    def _answer(self, method: str, url: str, body: bytes) -> tuple[int, str]:
        """The server's answer to this call, without HTTP and without faults."""
        parts = urlsplit(url)
        request = Request(method, parts.path, parse_qs(parts.query), Message(), body)
        try:
            response = self.server.routes.answer(request)
        except ApiError as error:
            response = error.response()
        return response.status, response.body.decode()

    def _publish_finalized(self, resource: Resource) -> None:
        event_id = str(self.state.next_number("event"))
        self.events.publish(object_finalized(event_id, resource["timeCreated"], resource))

    def _control_routes(self) -> Routes:
        """What no Google service has: how supervisor, demo and commands steer the stand-in. Faults leave it alone."""

        def order(request: Request) -> Response:
            try:
                self.faults.order(Fault(**request.json()))
            except TypeError as error:
                raise ApiError(400, "badRequest", f"Not a fault: {error}") from None
            return Response.of_json({})

        def subscribe(request: Request) -> Response:
            body = request.json()
            if not isinstance(body, dict) or not body.keys() >= {"event_type", "url"}:
                raise ApiError(400, "badRequest", "A subscription needs event_type and url")
            self.subscribe(body["event_type"], to_url(body["url"], self._key_path), body.get("source"))
            return Response.of_json({})

        def scrub() -> None:
            self._clear_spark()
            self.state.scrub()
            self.bigquery.scrub()

        def done(work: Any) -> Any:
            return lambda request: Response.of_json(work() or {})

        routes = Routes()
        routes.add("POST", f"{CONTROL}faults", order)
        routes.add("DELETE", f"{CONTROL}faults", done(self.faults.clear))
        routes.add("POST", f"{CONTROL}subscriptions", subscribe)
        routes.add("GET", f"{CONTROL}pending", done(lambda: self.events.status() | {"batches": self.dataproc.active()}))
        routes.add("POST", f"{CONTROL}scrub", done(scrub))
        return routes


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m localcloud.gcp.laptop_cloud", description=__doc__)
    parser.add_argument("--data", required=True, type=Path, help="directory that keeps everything")
    parser.add_argument("--port", default=0, type=int, help="port of 127.0.0.1; a free one by default")
    parser.add_argument("--clock", type=Path, help="file that holds the simulated time's offset")
    parser.add_argument(
        "--key", type=Path, help="key file of the only callers that are answered; default: every caller"
    )
    parser.add_argument("--first-wait", default=10.0, type=float, help="seconds before an event is redelivered")
    parser.add_argument("--longest-wait", default=600.0, type=float, help="seconds between late redeliveries")
    options = parser.parse_args()
    wait = processes.until_signalled()
    backoff, clock = Backoff(options.first_wait, options.longest_wait), Clock(options.clock)
    cloud = LaptopCloud(
        options.data, _run_batch, clock=clock, log=log, backoff=backoff, port=options.port, key_path=options.key
    )
    cloud.events.start()  # before a subscription can come: one that came meanwhile could get two threads
    with cloud:
        log("Google's stand-ins are listening", url=cloud.url)
        wait()


def _run_batch(batch: Batch, log_path: Path) -> int:
    from localcloud.spark import batch as spark  # Spark is needed only where a batch runs

    return spark.run_batch(batch, log_path, os.environ)


if __name__ == "__main__":
    main()
