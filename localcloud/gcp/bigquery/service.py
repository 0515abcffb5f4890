"""The laptop BigQuery: the part of the REST API v2 that this project and Google's client use.

`python -m localcloud.gcp.bigquery.service --data DIR --port N --clock FILE` serves it until SIGTERM or Ctrl-C; what was
stored is there again at the next start.
"""

import argparse
import os
import signal
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import requests

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.gcp.bigquery.catalog import Sizes
from localcloud.gcp.bigquery.googlesql.translate import TableId
from localcloud.gcp.bigquery.jobs_api import JobsApi
from localcloud.gcp.bigquery.load import ReadObject, WriteObject
from localcloud.gcp.bigquery.tables_api import TablesApi
from localcloud.gcp.bigquery.warehouse import Warehouse
from localcloud.gcp.control import fault_routes
from localcloud.gcp.credentials import Doorkeeper, bearer
from localcloud.web import CONTROL, ApiError, Request, Response, Routes, Server, log

_UPLOAD_TIMEOUT_SECONDS = 60


class BigQuery:
    """The service. gs:// URIs of load and extract jobs are read and written through the two functions.

    Without a directory it keeps everything in memory.
    """

    def __init__(
        self, directory: Path | None, read_object: ReadObject, write_object: WriteObject, clock: Clock, faults: Faults
    ) -> None:
        self._warehouse = Warehouse(directory, clock)
        sizes = Sizes()
        jobs = JobsApi(self._warehouse, sizes, read_object, write_object, faults)
        self.statements = jobs.statements
        """Every statement that came in, in order, with the query settings that brought it last."""
        self.routes = Routes()
        self.routes.extend(TablesApi(self._warehouse, sizes).routes())
        self.routes.extend(jobs.routes())
        self._forget_jobs = jobs.scrub
        self.routes.add(
            "GET", f"{CONTROL}statements", lambda request: Response.of_json([asdict(each) for each in self.statements])
        )
        self.routes.add("POST", f"{CONTROL}scrub", self._scrub)

    def rows(self, table: TableId) -> list[dict[str, Any]]:
        """What a table holds, for tests that look without a call, a job or a fault."""
        with self._warehouse.reading() as cursor:
            cursor.execute(f"SELECT * FROM {table.sql}")  # noqa: S608 -- quoted
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def close(self) -> None:
        self._warehouse.close()

    def _scrub(self, request: Request) -> Response:
        """Leave nothing on disk of what was deleted, nor of what was asked about it."""
        self._forget_jobs()
        self._warehouse.rewrite()
        return Response.of_json({})


class _Objects:
    """Cloud Storage seen from another process: contents are read as the plain files they are, and written by upload."""

    def __init__(self, buckets: Path, url: str | None) -> None:
        self._buckets, self._url = buckets, url

    def read(self, uri: str) -> Path:
        path = self._buckets / uri.removeprefix("gs://")
        if not path.is_file():
            raise ApiError(404, "notFound", f"Not found: URI {uri}")
        return path

    def write(self, uri: str, content: Path) -> None:
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        url, query = f"{self._url}/upload/storage/v1/b/{bucket}/o", {"uploadType": "media", "name": name}
        with content.open("rb") as file:
            answer = requests.post(
                url, params=query, data=file, headers=bearer(os.environ), timeout=_UPLOAD_TIMEOUT_SECONDS
            )
            answer.raise_for_status()


def main() -> None:
    options = _options()
    faults = Faults()
    objects = _Objects(options.data / "buckets", os.environ.get("STORAGE_EMULATOR_HOST"))
    service = BigQuery(options.data, objects.read, objects.write, Clock(options.clock), faults)
    service.routes.extend(fault_routes(faults))
    check = Doorkeeper(options.key) if options.key else None
    server = Server("bigquery", service.routes, faults, options.port, check).start()
    log("The laptop BigQuery is listening", url=server.url)
    _wait_for_signal()
    server.stop()
    service.close()


def _wait_for_signal() -> None:
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    asked.wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localcloud.gcp.bigquery.service", description=__doc__)
    parser.add_argument("--data", required=True, type=Path, help="directory that keeps everything")
    parser.add_argument("--port", default=0, type=int, help="port of 127.0.0.1; a free one by default")
    parser.add_argument("--clock", type=Path, help="file that holds the simulated time's offset")
    parser.add_argument("--key", type=Path, help="key file of the only ones who may call; without it everybody may")
    return parser.parse_args()


if __name__ == "__main__":
    main()
