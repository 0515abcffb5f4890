"""The laptop cloud inside a test: Google's services and BigQuery on free ports, served by threads of this process.

    with LaptopCloud(tmp_path) as cloud:
        environment = cloud.environment          # every setting; Spotify's addresses lead nowhere until replaced
        cloud.subscribe(FINALIZED, deliver)      # headers and body in, HTTP status out
        cloud.faults.order(Fault("gcp POST /upload/.*"))
        cloud.clock.set(instant)
        outcomes = cloud.deliver_pending()       # events go out only here

Faults call the two servers "gcp" and "bigquery", and deliveries "events deliver TYPE OBJECT-NAME-OR-MESSAGE-ID".
"""

from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.gcp import set_up
from localcloud.gcp.bigquery.service import BigQuery
from localcloud.gcp.credentials import write_service_account
from localcloud.gcp.dataproc import RunBatch
from localcloud.gcp.eventarc.eventarc import Deliver
from localcloud.gcp.google_cloud import GoogleCloud
from localcloud.web import ApiError, Request, Server, say_nothing

_NOBODY = "http://127.0.0.1:9"
"""The discard port: whoever asks Spotify without having put a simulator there is refused at once."""


class LaptopCloud:
    """Used as a context manager; entering it again on the same directory is a restart.

    `forgetful`: the warehouse is not kept in the directory but in memory, which is quicker.
    """

    def __init__(self, directory: Path, run_batch: RunBatch | None = None, *, forgetful: bool = False) -> None:
        self.faults = Faults()
        self.clock = Clock()
        self._run_batch, self._forgetful = run_batch, forgetful
        self._open(directory)
        self._gcp = Server("gcp", self._google.routes, self.faults)
        self._bigquery = Server("bigquery", self.bigquery.routes, self.faults)
        self.servers = (self._gcp, self._bigquery)
        self.gcp_url, self.bigquery_url = self._gcp.url, self._bigquery.url
        self.environment = self._environment(directory)

    def _open(self, directory: Path) -> None:
        self._google = GoogleCloud(directory, self.clock, self.faults, say_nothing, self._run_batch)
        self.storage, self.secrets = self._google.storage, self._google.secrets
        self.pubsub, self.dataproc = self._google.pubsub, self._google.dataproc
        self.project = self._google.project
        self.events, self.deliver_pending = self._google.events, self._google.events.deliver_pending
        place = None if self._forgetful else directory
        self.bigquery = BigQuery(place, self.storage.read_object, self.storage.write_object, self.clock, self.faults)

    def start_over(self, directory: Path) -> None:
        """An empty cloud on another directory, under the same addresses: clients keep their connections.

        Nobody is subscribed any more, and no fault is ordered.
        """
        self._close()
        self._open(directory)
        self._gcp.routes, self._bigquery.routes = self._google.routes, self.bigquery.routes
        self.faults.clear()
        set_up.create_resources(self.environment, self._answer)

    def subscribe(self, event_type: str, deliver: Deliver, target: str | None = None) -> None:
        """Events of this type go to `deliver`; `target`, a bucket or a topic id, narrows them."""
        self.events.subscribe(event_type, deliver, target)

    def __enter__(self) -> Self:
        self._gcp.start()
        self._bigquery.start()
        set_up.create_resources(self.environment, self._answer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gcp.stop()
        self._bigquery.stop()
        self._close()

    def _answer(self, method: str, url: str, body: bytes) -> tuple[int, str]:
        """What the server behind this URL answers, without HTTP and without faults."""
        parts = urlsplit(url)
        routes = (self._bigquery if url.startswith(self.bigquery_url) else self._gcp).routes
        request = Request(method, parts.path, parse_qs(parts.query), Message(), body)
        try:
            response = routes.answer(request)
        except ApiError as error:
            response = error.response()
        return response.status, response.body.decode()

    def _close(self) -> None:
        self._google.close()
        self.bigquery.close()

    def _environment(self, directory: Path) -> dict[str, str]:
        key_path = directory / "service-account.json"
        write_service_account(key_path, f"{self.gcp_url}/token")
        return {
            **set_up.environment(self.gcp_url, self.bigquery_url, key_path),
            "SPOTIFY_ACCOUNTS_URL": _NOBODY,
            "SPOTIFY_API_URL": _NOBODY,
            "RECCOBEATS_API_URL": _NOBODY,
        }
