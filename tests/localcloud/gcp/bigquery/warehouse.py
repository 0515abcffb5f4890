"""The laptop BigQuery in this process, and Google's own client to judge it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.api_core.exceptions import Conflict
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.gcp.bigquery.service import BigQuery
from localcloud.web import ApiError, Server

PROJECT, LOCATION = "heavy-rotation-laptop", "europe-west1"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class StoppedClock(Clock):
    """Stands still until it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.set(NOON)

    def now(self) -> datetime:
        return self._instant

    def set(self, instant: datetime) -> None:
        self._instant = instant


@dataclass
class Warehouse:
    """One running server with a dataset `listening`, and what load and extract jobs find on gs://."""

    service: BigQuery
    client: bigquery.Client
    clock: StoppedClock
    url: str
    faults: Faults
    objects: dict[str, bytes] = field(default_factory=dict)

    def create(self, name: str, *columns: str, **properties: Any) -> bigquery.Table:
        """A table of columns written "name TYPE" or "name TYPE REQUIRED"."""
        table = bigquery.Table(f"{PROJECT}.listening.{name}", schema=[_column(text) for text in columns])
        for key, value in properties.items():
            setattr(table, key, value)
        return self.client.create_table(table)

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query by jobs.query; a dataset need not be named."""
        config = bigquery.QueryJobConfig(
            query_parameters=list(parameters), default_dataset=f"{PROJECT}.listening", use_query_cache=False
        )
        return [tuple(row.values()) for row in self.client.query_and_wait(sql, job_config=config, wait_timeout=20)]

    def value(self, expression: str, *parameters: Any) -> Any:
        """The value of one expression."""
        ((value,),) = self.rows(f"SELECT {expression} AS value", *parameters)
        return value

    def start(self, sql: str, *parameters: Any, job_id: str | None = None) -> bigquery.QueryJob:
        """A query by jobs.insert."""
        config = bigquery.QueryJobConfig(query_parameters=list(parameters), default_dataset=f"{PROJECT}.listening")
        return self.client.query(sql, job_config=config, job_id=job_id, job_retry=None)

    def load(self, table: str, *uris: str, job_id: str | None = None, **settings: Any) -> bigquery.LoadJob:
        """A load job; CSV with a header unless the settings say otherwise."""
        options = {"source_format": "CSV"} | settings
        if options["source_format"] == "CSV":
            options = {"skip_leading_rows": 1} | options
        config = bigquery.LoadJobConfig(**options)
        return self.client.load_table_from_uri(
            list(uris), f"{PROJECT}.listening.{table}", job_id=job_id, job_config=config
        )


def _column(text: str) -> bigquery.SchemaField:
    name, kind, *mode = text.split()
    return bigquery.SchemaField(name, kind, mode[0] if mode else "NULLABLE")


@contextmanager
def running_warehouse(directory: Path) -> Iterator[Warehouse]:
    """Start on a directory; starting again on the same one is a restart."""
    clock, faults = StoppedClock(), Faults()
    objects: dict[str, bytes] = {}

    def read(uri: str) -> Path:
        if uri not in objects:
            raise ApiError(404, "notFound", f"Not found: URI {uri}")
        path = directory / uri.replace("/", "_")
        path.write_bytes(objects[uri])
        return path

    def write(uri: str, content: Path) -> None:
        objects[uri] = content.read_bytes()

    service = BigQuery(directory, read, write, clock, faults)
    server = Server("bigquery", service.routes, faults).start()
    options = {"api_endpoint": server.url}
    with bigquery.Client(PROJECT, AnonymousCredentials(), location=LOCATION, client_options=options) as client:
        dataset = bigquery.Dataset(f"{PROJECT}.listening")
        dataset.location = LOCATION
        with suppress(Conflict):  # it is there after a restart
            client.create_dataset(dataset)
        yield Warehouse(service, client, clock, server.url, faults, objects)
    server.stop()
    service.close()


def string(name: str | None, value: str | None) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter(name, "STRING", value)


def integer(name: str | None, value: int | None) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter(name, "INT64", value)


def timestamp(name: str | None, value: datetime | None) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter(name, "TIMESTAMP", value)
