"""The laptop BigQuery: the part of the REST API v2 that this project and Google's client use; jobs and queries here."""

import hashlib
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.gcp.bigquery.catalog import Resource, Sizes, find_dataset
from localcloud.gcp.bigquery.googlesql.translate import TableId
from localcloud.gcp.bigquery.jobs import Jobs, Outcome, Work, as_begun, error_of
from localcloud.gcp.bigquery.load import ReadObject, WriteObject, run_extract, run_load
from localcloud.gcp.bigquery.query import QueryRunner, plan_query
from localcloud.gcp.bigquery.tables_api import PROJECT, TablesApi, next_page, page_of
from localcloud.gcp.bigquery.warehouse import Cursor, Warehouse
from localcloud.gcp.storage.uploads import split_multipart
from localcloud.web import ApiError, Request, Response

_QUERY_SETTINGS = (
    "defaultDataset",
    "maximumBytesBilled",
    "parameterMode",
    "query",
    "queryParameters",
    "useLegacySql",
    "useQueryCache",
)


class BigQuery:
    """The service. gs:// URIs of load and extract jobs are read and written through the two functions.

    Without a directory it keeps everything in memory.
    """

    def __init__(
        self, directory: Path | None, read_object: ReadObject, write_object: WriteObject, clock: Clock, faults: Faults
    ) -> None:
        self.warehouse, sizes = Warehouse(directory, clock), Sizes()
        self._jobs = Jobs(self.warehouse, faults)
        self._runner = QueryRunner(self.warehouse, sizes)
        self._read_object, self._write_object = read_object, write_object
        self._locations: dict[tuple[str, str], str] = {}
        self.statements: dict[str, Resource] = {}
        """Every statement that came in, in order, with the query settings that brought it last."""
        self.routes = TablesApi(self.warehouse, sizes).routes()
        self.routes.add("POST", rf"{PROJECT}/jobs", self.insert_job)
        self.routes.add("POST", rf"/upload{PROJECT}/jobs", self.upload)
        self.routes.add("GET", rf"{PROJECT}/jobs/(?P<job>[^/]+)", self.get_job)
        self.routes.add("POST", rf"{PROJECT}/queries", self.query)
        self.routes.add("GET", rf"{PROJECT}/queries/(?P<job>[^/]+)", self.get_results)

    def scrub(self) -> None:
        """Leave nothing on disk of what was deleted, nor of statements about it."""
        self._jobs.scrub()
        self.warehouse.rewrite()

    def close(self) -> None:
        self.warehouse.close()

    def get_job(self, request: Request) -> Response:
        return Response.of_json(self._find(request))

    def insert_job(self, request: Request) -> Response:
        body, project = request.json(), request.params["project"]
        job = self._start(project, body.get("jobReference", {}), body["configuration"])
        return Response.of_json(as_begun(job))

    def upload(self, request: Request) -> Response:
        """A load job that brings its file along, as Google's client sends one below 5 MB."""
        if request.arg("uploadType") != "multipart":
            raise ApiError(501, "notImplemented", "An upload other than multipart is not imitated by the laptop cloud")
        metadata, _, content = split_multipart(request)
        body, project = json.loads(metadata), request.params["project"]
        job = self._start(project, body["jobReference"], body["configuration"], content)
        return Response.of_json(as_begun(job))

    def _start(
        self, project: str, reference: Resource, configuration: Resource, uploaded: bytes | None = None
    ) -> Resource:
        if configuration.get("dryRun"):
            raise ApiError(501, "notImplemented", "The laptop cloud does not imitate dry runs")
        plan = partial(self._plan, project, configuration, uploaded)
        return self._jobs.start(project, reference, configuration, plan)

    def _find(self, request: Request) -> Resource:
        return self._jobs.find(request.params["project"], request.arg("location"), request.params["job"])

    def get_results(self, request: Request) -> Response:
        answer = self._answer(self._find(request), *page_of(request))
        return Response.of_json({"kind": "bigquery#getQueryResultsResponse", **answer})

    def query(self, request: Request) -> Response:
        """Start a query and give its first page in one call; the same request again gives the same answer."""
        body, project = request.json(), request.params["project"]
        settings = {key: body[key] for key in _QUERY_SETTINGS if key in body}
        configuration = {"query": settings, "dryRun": body.get("dryRun")}
        reference = {"location": body.get("location")}
        if "requestId" in body:
            reference["jobId"] = f"job_{hashlib.sha256(body['requestId'].encode()).hexdigest()[:32]}"
        try:
            job = self._start(project, reference, configuration)
        except ApiError as error:
            if error.status != 409:
                raise
            job = self._jobs.find(project, reference["location"], reference["jobId"])
        _, size = page_of(request)
        answer = self._answer(job, 0, int(body.get("maxResults", size)))
        return Response.of_json({"kind": "bigquery#queryResponse", **answer})

    def _answer(self, job: Resource, start: int, size: int) -> Resource:
        error = error_of(job)
        if error:
            raise error
        answer = {"jobReference": job["jobReference"]}
        if job["status"]["state"] != "DONE":
            return {**answer, "jobComplete": False}
        statistics, result = job["statistics"]["query"], self._jobs.result(job)
        names = ("totalBytesProcessed", "numDmlAffectedRows", "dmlStats")
        rows = result.rows[start : start + size]
        return {
            **answer,
            "jobComplete": True,
            "cacheHit": False,
            **{name: statistics[name] for name in names if name in statistics},
            "schema": {"fields": list(result.fields)},
            "rows": list(rows),
            "totalRows": str(len(result.rows)),
            **next_page(start, len(rows), len(result.rows)),
        }

    def _plan(self, project: str, configuration: Resource, uploaded: bytes | None) -> Work:
        if "query" in configuration:
            query = plan_query(configuration["query"], project)
            self.statements[configuration["query"]["query"]] = configuration["query"]
            translation = query.translation
            merges_into = translation.target if translation.kind == "MERGE" else None
            run_query = partial(self._runner.run, query=query)
            return Work(run_query, translation.target is not None, self._location_of(translation.tables), merges_into)

        def run(cursor: Cursor) -> Outcome:
            now_ms = self.warehouse.now_ms()
            if "load" in configuration:
                return Outcome(run_load(cursor, configuration["load"], self._read_object, now_ms, uploaded))
            return Outcome(run_extract(cursor, configuration["extract"], self._write_object, now_ms))

        load = configuration.get("load")
        table = TableId.of(load["destinationTable"] if load else configuration["extract"]["sourceTable"])
        return Work(run, True, self._location_of([table]))

    def _location_of(self, tables: Sequence[TableId]) -> str | None:
        """Where the datasets of these tables are, which they never leave; None when there is none."""
        if not tables:
            return None
        project, dataset = tables[0].project, tables[0].dataset
        if (project, dataset) not in self._locations:
            with self.warehouse.reading() as cursor:
                self._locations[project, dataset] = find_dataset(cursor, project, dataset)["location"]
        return self._locations[project, dataset]
