"""The laptop BigQuery: the part of the REST API v2 that Google's client and this project use.

`python -m localcloud.bigquery_server --data DIR --port N --clock FILE` serves it until SIGTERM.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from localcloud import bigquery_catalog as catalog
from localcloud.bigquery_catalog import Cursor, Resource, TableId, Warehouse
from localcloud.bigquery_jobs import Jobs, Outcome, Work, error_of, job_id_of
from localcloud.bigquery_query import Query, Result, Statement, check_query, plan_query, read_statement, run_query
from localcloud.bigquery_types import encode_rows
from localcloud.clock import Clock
from localcloud.web import ApiError, Request, Response, Routes

_PROJECT = r"/bigquery/v2/projects/(?P<project>[^/]+)"
_DATASETS = rf"{_PROJECT}/datasets"
_TABLES = rf"{_DATASETS}/(?P<dataset>[^/]+)/tables"
_PAGE = 10_000
"""Rows of one answer unless the caller wants fewer."""


class BigQuery:
    """The service: its routes, and the statements it was sent."""

    def __init__(
        self,
        directory: Path,
        read_object: Callable[[str], bytes | Path],
        write_object: Callable[[str, Path], None],
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
            resource = catalog.create_dataset(cursor, request.params["project"], request.json(), self.warehouse.now_ms())
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
        job = self.jobs.start(project, body.get("jobReference", {}), configuration, lambda: self._plan(project, configuration))
        return Response.of_json(job)

    def _plan(self, project: str, configuration: Resource) -> Work:
        if "query" in configuration:
            return self._plan_query(project, configuration["query"])
        raise ApiError(400, "invalid", "not yet")

    def _plan_query(self, project: str, configuration: Resource) -> Work:
        self.statements[read_statement(configuration)] = None
        query = plan_query(configuration, project)

        def run(cursor: Cursor) -> Outcome:
            statistics, result = run_query(cursor, self.warehouse, query)
            return Outcome(statistics, result)

        return Work(run, query.writes, self._location(query))

    def _location(self, query: Query) -> str | None:
        if not query.translation.tables:
            return None
        table = query.translation.tables[0]
        with self.warehouse.reading() as cursor:
            location: str = catalog.find_dataset(cursor, table.project, table.dataset)["location"]
        return location

    def _dry_run(self, project: str, body: Resource) -> Resource:
        query = plan_query(body["configuration"]["query"], project)
        with self.warehouse.reading() as cursor:
            statistics, result = check_query(cursor, self.warehouse, query)
        return {
            "kind": "bigquery#job",
            "jobReference": {"projectId": project, "location": self._location(query) or "US"},
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
        configuration = {"query": {key: body[key] for key in _QUERY_KEYS if key in body}, "labels": body.get("labels", {})}
        if body.get("dryRun"):
            job = self._dry_run(project, {"configuration": configuration})
            return Response.of_json({"kind": "bigquery#queryResponse", "jobComplete": True, **job["statistics"]["query"]})
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
