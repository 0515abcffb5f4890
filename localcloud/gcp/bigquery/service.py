"""The laptop BigQuery: the part of the REST API v2 that this project and Google's client use."""

from pathlib import Path
from typing import Any

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.gcp.bigquery.catalog import Sizes
from localcloud.gcp.bigquery.googlesql.translate import TableId
from localcloud.gcp.bigquery.jobs_api import JobsApi
from localcloud.gcp.bigquery.load import ReadObject, WriteObject
from localcloud.gcp.bigquery.tables_api import TablesApi
from localcloud.gcp.bigquery.warehouse import Warehouse
from localcloud.web import Routes


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
        self._jobs = jobs

    def rows(self, table: TableId) -> list[dict[str, Any]]:
        """What a table holds, for tests that look without a call, a job or a fault."""
        with self._warehouse.reading() as cursor:
            stored = cursor.execute(f"SELECT * FROM {table.sql}")  # noqa: S608 -- quoted
            names = [column[0] for column in stored.description]
            return [dict(zip(names, row, strict=True)) for row in stored.fetchall()]

    def close(self) -> None:
        self._warehouse.close()

    def scrub(self) -> None:
        """Leave nothing on disk of what was deleted, nor of statements about it."""
        self._jobs.scrub()
        self._warehouse.rewrite()
