# ruff: noqa: S608 -- names are quoted, values are parameters
"""The laptop BigQuery: the part of the REST API v2 that Google's client and this project use.

`python -m localcloud.bigquery_server --data DIR --port N --clock FILE` serves it until SIGTERM.
"""

import argparse
import os
import signal
import threading
from functools import partial
from pathlib import Path
from typing import Any

import requests

from localcloud import bigquery_catalog as catalog
from localcloud.bigquery_catalog import Cursor, Resource, TableId, Warehouse
from localcloud.bigquery_extract import WriteObject, run_extract
from localcloud.bigquery_jobs import Jobs, Outcome, Work, error_of, job_id_of
from localcloud.bigquery_load import ReadObject, run_load
from localcloud.bigquery_query import Statement, check_query, plan_query, read_statement, run_query
from localcloud.bigquery_types import encode_rows
from localcloud.clock import Clock
from localcloud.control import fault_routes
from localcloud.faults import Faults
from localcloud.log import log
from localcloud.web import ApiError, Request, Response, Routes, Server

_PROJECT = r"/bigquery/v2/projects/(?P<project>[^/]+)"
_DATASETS = rf"{_PROJECT}/datasets"
_TABLES = rf"{_DATASETS}/(?P<dataset>[^/]+)/tables"
_UPLOAD_TIMEOUT_SECONDS = 60
_PAGE = 10_000
"""Rows of one answer unless the caller wants fewer."""


class BigQuery:
    """The service: its routes, and the statements it was sent."""

    def __init__(
        self,
        directory: Path,
        read_object: ReadObject,
        write_object: WriteObject,
        clock: Clock,
    ) -> None:
        self.warehouse = Warehouse(directory, clock)
        self.jobs = Jobs(self.warehouse)
        self.statements: dict[Statement, None] = {}
        self._read_object, self._write_object = read_object, write_object
        self.routes = _routes(self)

    def close(self) -> None:
        self.warehouse.close()

    def create_dataset(self, request: Request) -> Response:
        with self.warehouse.writing() as cursor:
            resource = catalog.create_dataset(
                cursor, request.params["project"], request.json(), self.warehouse.now_ms()
            )
        return Response.of_json(resource)

    def get_dataset(self, request: Request) -> Response:
        with self.warehouse.reading() as cursor:
            return Response.of_json(catalog.find_dataset(cursor, request.params["project"], request.params["dataset"]))

    def create_table(self, request: Request) -> Response:
        body = request.json()
        table = TableId(request.params["project"], request.params["dataset"], body["tableReference"]["tableId"])
        with self.warehouse.writing() as cursor:
            resource = catalog.create_table(cursor, table, body, self.warehouse.now_ms())
            return Response.of_json(catalog.with_sizes(cursor, resource))

    def get_table(self, request: Request) -> Response:
        with self.warehouse.reading() as cursor:
            resource = catalog.find_table(cursor, _table(request), self.warehouse.now_ms())
            return Response.of_json(catalog.with_sizes(cursor, resource))

    def delete_table(self, request: Request) -> Response:
        with self.warehouse.writing() as cursor:
            catalog.delete_table(cursor, _table(request), self.warehouse.now_ms())
        return Response(204)

    def list_tables(self, request: Request) -> Response:
        project, dataset = request.params["project"], request.params["dataset"]
        with self.warehouse.reading() as cursor:
            tables = catalog.list_tables(cursor, project, dataset, self.warehouse.now_ms())
        return Response.of_json({"kind": "bigquery#tableList", "tables": tables, "totalItems": len(tables)})

    def list_rows(self, request: Request) -> Response:
        with self.warehouse.reading() as cursor:
            resource = catalog.find_table(cursor, _table(request), self.warehouse.now_ms())
            start, size = _page(request)
            names = _selected(request, resource)
            columns = ", ".join(catalog.quoted(field["name"]) for field in names)
            query = f"SELECT {columns} FROM {_table(request).sql} ORDER BY rowid LIMIT {size} OFFSET {start}"
            rows = encode_rows(names, cursor.execute(query).fetchall())
            total = int(catalog.with_sizes(cursor, resource)["numRows"])
        answer = {"kind": "bigquery#tableDataList", "totalRows": str(total), "rows": rows}
        return Response.of_json({**answer, **_next_page(start, len(rows), total)})

    def insert_job(self, request: Request) -> Response:
        body = request.json()
        project, configuration = request.params["project"], body["configuration"]
        if configuration.get("dryRun"):
            return Response.of_json(self._dry_run(project, body))
        job = self.jobs.start(
            project, body.get("jobReference", {}), configuration, lambda: self._plan(project, configuration)
        )
        return Response.of_json(job)

    def _plan(self, project: str, configuration: Resource) -> Work:
        if "query" in configuration:
            return self._plan_query(project, configuration["query"])
        if "load" in configuration:
            return self._plan_load(configuration["load"])
        return self._plan_extract(configuration["extract"])

    def _plan_query(self, project: str, configuration: Resource) -> Work:
        self.statements[read_statement(configuration)] = None
        query = plan_query(configuration, project)
        tables = query.translation.tables
        run = partial(run_query, warehouse=self.warehouse, query=query)
        return Work(run, query.writes, self._location(tables[0]) if tables else None)

    def _plan_load(self, configuration: Resource) -> Work:
        def run(cursor: Cursor) -> Outcome:
            return Outcome(run_load(cursor, configuration, self._read_object, self.warehouse.now_ms()))

        return Work(run, True, self._location(TableId.of(configuration["destinationTable"])))

    def _plan_extract(self, configuration: Resource) -> Work:
        def run(cursor: Cursor) -> Outcome:
            return Outcome(run_extract(cursor, configuration, self._write_object, self.warehouse.now_ms()))

        return Work(run, True, self._location(TableId.of(configuration["sourceTable"])))

    def _location(self, table: TableId) -> str:
        with self.warehouse.reading() as cursor:
            location: str = catalog.find_dataset(cursor, table.project, table.dataset)["location"]
        return location

    def _dry_run(self, project: str, body: Resource) -> Resource:
        query = plan_query(body["configuration"]["query"], project)
        tables = query.translation.tables
        with self.warehouse.reading() as cursor:
            statistics, result = check_query(cursor, self.warehouse, query)
        return {
            "kind": "bigquery#job",
            "jobReference": {"projectId": project, "location": self._location(tables[0]) if tables else "US"},
            "configuration": body["configuration"],
            "status": {"state": "DONE"},
            "statistics": {
                "totalBytesProcessed": statistics["totalBytesProcessed"],
                "query": {**statistics, "schema": {"fields": list(result.fields)}},
            },
        }

    def get_job(self, request: Request) -> Response:
        return Response.of_json(self._job(request))

    def _job(self, request: Request) -> Resource:
        return self.jobs.find(request.params["project"], request.arg("location"), request.params["job"])

    def query_results(self, request: Request) -> Response:
        return Response.of_json(self._answer(self._job(request), *_page(request)))

    def query(self, request: Request) -> Response:
        """jobs.query: start a query and give its first page in one call."""
        body, project = request.json(), request.params["project"]
        configuration = {
            "query": {key: body[key] for key in _QUERY_KEYS if key in body},
            "labels": body.get("labels", {}),
        }
        if body.get("dryRun"):
            job = self._dry_run(project, {"configuration": configuration})
            return Response.of_json(
                {"kind": "bigquery#queryResponse", "jobComplete": True, **job["statistics"]["query"]}
            )
        wanted = {"location": body.get("location")}
        if "requestId" in body:
            wanted["jobId"] = job_id_of(body["requestId"])
        job = self._start_or_find(project, wanted, configuration)
        return Response.of_json(self._answer(job, 0, int(body.get("maxResults", _PAGE))))

    def _start_or_find(self, project: str, wanted: Resource, configuration: Resource) -> Resource:
        try:
            return self.jobs.start(project, wanted, configuration, lambda: self._plan(project, configuration))
        except ApiError as error:
            if error.status != 409:
                raise
            return self.jobs.find(project, wanted["location"], wanted["jobId"])

    def _answer(self, job: Resource, start: int, size: int) -> Resource:
        error = error_of(job)
        if error:
            raise error
        answer = {"kind": "bigquery#getQueryResultsResponse", "jobReference": job["jobReference"], "jobComplete": False}
        if job["status"]["state"] != "DONE":
            return answer
        result, statistics = self.jobs.result(job), job["statistics"].get("query", {})
        rows = list(result.rows[start : start + size])
        counts = {key: statistics[key] for key in ("numDmlAffectedRows", "dmlStats") if key in statistics}
        return {
            **answer,
            "jobComplete": True,
            "cacheHit": False,
            "schema": {"fields": list(result.fields)},
            "totalRows": str(len(result.rows)),
            "totalBytesProcessed": statistics.get("totalBytesProcessed", "0"),
            "rows": rows,
            **counts,
            **_next_page(start, len(rows), len(result.rows)),
        }

    def list_statements(self, request: Request) -> Response:
        return Response.of_json([{"sql": s.sql, "parameters": dict(s.parameters)} for s in self.statements])


_QUERY_KEYS = ("query", "queryParameters", "parameterMode", "useLegacySql", "defaultDataset", "maximumBytesBilled")


def _routes(service: BigQuery) -> Routes:
    routes = Routes()
    routes.add("POST", _DATASETS, service.create_dataset)
    routes.add("GET", rf"{_DATASETS}/(?P<dataset>[^/]+)", service.get_dataset)
    routes.add("GET", _TABLES, service.list_tables)
    routes.add("POST", _TABLES, service.create_table)
    routes.add("GET", rf"{_TABLES}/(?P<table>[^/]+)", service.get_table)
    routes.add("DELETE", rf"{_TABLES}/(?P<table>[^/]+)", service.delete_table)
    routes.add("GET", rf"{_TABLES}/(?P<table>[^/]+)/data", service.list_rows)
    routes.add("POST", rf"{_PROJECT}/jobs", service.insert_job)
    routes.add("GET", rf"{_PROJECT}/jobs/(?P<job>[^/]+)", service.get_job)
    routes.add("POST", rf"{_PROJECT}/queries", service.query)
    routes.add("GET", rf"{_PROJECT}/queries/(?P<job>[^/]+)", service.query_results)
    routes.add("GET", "/_localcloud/statements", service.list_statements)
    return routes


def _table(request: Request) -> TableId:
    return TableId(request.params["project"], request.params["dataset"], request.params["table"])


def _page(request: Request) -> tuple[int, int]:
    """Where the wanted page starts and how many rows it has at most; a page token is the number of its first row."""
    start = request.arg("pageToken") or request.arg("startIndex") or "0"
    return int(start), int(request.arg("maxResults") or _PAGE)


def _next_page(start: int, count: int, total: int) -> dict[str, Any]:
    return {"pageToken": str(start + count)} if start + count < total else {}


def _selected(request: Request, resource: Resource) -> list[Resource]:
    fields: list[Resource] = resource["schema"]["fields"]
    wanted = request.arg("selectedFields")
    return [field for field in fields if not wanted or field["name"] in wanted.split(",")]


class _Objects:
    """Cloud Storage seen from another process: contents are read as the plain files they are, and written by upload."""

    def __init__(self, directory: Path, url: str | None) -> None:
        self._directory, self._url = directory, url

    def read(self, uri: str) -> Path:
        path = self._directory / uri.removeprefix("gs://")
        if not path.is_file():
            raise ApiError(404, "notFound", f"Not found: URI {uri}")
        return path

    def write(self, uri: str, content: Path) -> None:
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        url = f"{self._url}/upload/storage/v1/b/{bucket}/o"
        query = {"uploadType": "media", "name": name}
        with content.open("rb") as file:
            requests.post(url, params=query, data=file, timeout=_UPLOAD_TIMEOUT_SECONDS).raise_for_status()


def main() -> None:
    options = _options()
    faults = Faults()
    objects = _Objects(options.data / "buckets", os.environ.get("STORAGE_EMULATOR_HOST"))
    service = BigQuery(options.data, objects.read, objects.write, Clock(options.clock))
    service.routes.extend(fault_routes(faults))
    server = Server("bigquery", service.routes, faults, options.port).start()
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
    parser = argparse.ArgumentParser(prog="python -m localcloud.bigquery_server", description=__doc__)
    parser.add_argument("--data", required=True, type=Path, help="directory that keeps everything")
    parser.add_argument("--port", default=0, type=int, help="port of 127.0.0.1; a free one by default")
    parser.add_argument("--clock", type=Path, help="file that holds the simulated time's offset")
    return parser.parse_args()


if __name__ == "__main__":
    main()
