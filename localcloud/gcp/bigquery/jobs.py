# ruff: noqa: S608 -- names are quoted, values are parameters
"""The jobs of the laptop BigQuery: ids that can be used once, results that are kept, MERGEs that overlap.

A job that writes is recorded in the transaction of what it wrote; one that failed is recorded too, and its id stays
used. Both survive a restart. The rows of a SELECT, and its job, last as long as the process.

BigQuery lets MERGEs that only insert commit side by side: each reads its table as it was when it began. One that
updates or deletes conflicts with another, and BigQuery runs it again on what the other has left
(cloud.google.com/bigquery/docs/data-manipulation-language).
"""

import json
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.faults import Faults
from localcloud.gcp.bigquery.catalog import Resource
from localcloud.gcp.bigquery.googlesql.translate import TableId
from localcloud.gcp.bigquery.schema import Field
from localcloud.gcp.bigquery.warehouse import Cursor, JobError, Warehouse
from localcloud.web import ApiError

_RESULTS_KEPT = 200
_LONGEST_MERGE_MS = 10 * 60 * 1000
"""An overlapping MERGE ends after this time when no other MERGE ends before."""
JobKey = tuple[str, str, str]


@dataclass(frozen=True)
class Result:
    """The answer of a SELECT, its rows in the REST API's form."""

    fields: Sequence[Field]
    rows: Sequence[Any]


@dataclass(frozen=True)
class Outcome:
    """What a job's work gives: its part of the statistics, and rows when it was a SELECT."""

    statistics: Resource
    result: Result | None = None


@dataclass(frozen=True)
class Work:
    """What a job has to do, ready to be done."""

    run: Callable[[Cursor], Outcome]
    writes: bool
    location: str | None
    """Where the data are; None when it touches none."""
    merges_into: TableId | None = None
    """The table of a MERGE."""


@dataclass
class _RunningMerge:
    """A MERGE that has begun and not ended. `newest_row`: the table's last row when it began, as DuckDB counts them."""

    job: Resource
    work: Work
    newest_row: int
    ends_at_ms: int
    conflicts: bool = False
    """Another one that ended meanwhile has updated or deleted rows."""


class _Conflict(Exception):
    """A MERGE changes rows beside another one."""


class Jobs:
    """All jobs by project, location and id. A fault can let one fail that was accepted, or let two MERGEs overlap."""

    def __init__(self, warehouse: Warehouse, faults: Faults) -> None:
        self._warehouse, self._faults = warehouse, faults
        self._lock = threading.Lock()
        self._jobs: dict[JobKey, Resource] = {}
        self._results: OrderedDict[JobKey, Result] = OrderedDict()
        self._running: dict[JobKey, _RunningMerge] = {}
        with warehouse.reading() as cursor:
            for (text,) in cursor.execute("SELECT resource FROM localcloud.jobs").fetchall():
                job = json.loads(text)
                self._jobs[_key(job["jobReference"])] = job

    def start(self, project: str, wanted: Resource, configuration: Resource, plan: Callable[[], Work]) -> Resource:
        """Does the work and returns the job, also one that failed. Raises ApiError only when its id is used already."""
        kind = next((kind for kind in ("query", "load", "extract") if kind in configuration), None)
        if kind is None:
            raise ApiError(400, "invalid", "A job of another kind than query, load and extract is not imitated")
        work = _planned(plan)
        job = _new_job(project, wanted, work, configuration, kind, self._warehouse.now_ms())
        key = _key(job["jobReference"])
        with self._lock:
            if key in self._jobs:
                raise ApiError(409, "duplicate", f"Already Exists: Job {job['id']}")
            self._jobs[key] = job
        try:
            if work.merges_into and self._faults.take(_named(job, kind), "overlap"):
                with self._warehouse.reading() as cursor:
                    newest = f"SELECT COALESCE(MAX(rowid), -1) FROM {work.merges_into.sql}"
                    ((row,),) = cursor.execute(newest).fetchall()
                self._running[key] = _RunningMerge(job, work, row, self._warehouse.now_ms() + _LONGEST_MERGE_MS)
                return job
            self._jobs[key] = done = self._carry_out(job, kind, work)
        except BaseException:
            self._jobs.pop(key, None)
            raise
        for running in list(self._running.values()):
            if running.work.merges_into == work.merges_into:
                running.ends_at_ms = 0
                running.conflicts |= _changes_rows(done["statistics"].get("query", {}))
        self._end_running()
        return done

    def _end_running(self) -> None:
        for key, running in list(self._running.items()):
            # Of several calls at once one ends the MERGE.
            if running.ends_at_ms <= self._warehouse.now_ms() and self._running.pop(key, None) is not None:
                self._jobs[key] = self._carry_out(running.job, "query", running.work, running)

    def _carry_out(self, job: Resource, kind: str, work: Work, running: _RunningMerge | None = None) -> Resource:
        reference = job["jobReference"]
        try:
            with self._warehouse.writing() if work.writes else self._warehouse.reading() as cursor:
                if work.location and work.location.lower() != reference["location"].lower():
                    where = f"{reference['projectId']} was not found in location {reference['location']}"
                    raise ApiError(404, "notFound", f"Not found: Dataset {where}")
                if fault := self._faults.take(_named(job, kind), "fail"):
                    status = _HTTP_STATUS.get(fault.reason, 400)
                    raise ApiError(status, fault.reason, "The job was ordered to fail. Try again.")
                outcome = _beside(cursor, running) if running and not running.conflicts else work.run(cursor)
                done = _finished(job, kind, outcome.statistics, self._warehouse.now_ms())
                if work.writes:
                    self._store(cursor, done)
        except _Conflict:
            return self._carry_out(job, kind, work)
        except ApiError as error:
            done = _failed(job, error, self._warehouse.now_ms())
            with self._warehouse.writing() as cursor:
                self._store(cursor, done)
            return done
        if outcome.result is not None:
            with self._lock:
                self._results[_key(reference)] = outcome.result
                while len(self._results) > _RESULTS_KEPT:
                    self._results.popitem(last=False)
        return done

    def _store(self, cursor: Cursor, job: Resource) -> None:
        """For the next start."""
        if self._warehouse.is_kept:
            cursor.execute("INSERT INTO localcloud.jobs VALUES (?)", [json.dumps(job)])

    def find(self, project: str, location: str | None, job_id: str) -> Resource:
        """A job is found only where it ran, so the location is needed."""
        self._end_running()
        if job := self._jobs.get((project, (location or "").lower(), job_id)):
            return job
        raise ApiError(404, "notFound", f"Not found: Job {project}:{location}.{job_id}")

    def scrub(self) -> None:
        """Keep ids, types and states of the jobs that have ended, but no statement, message or row."""
        with self._warehouse.writing() as cursor:
            stored = cursor.execute("SELECT rowid, resource FROM localcloud.jobs").fetchall()
            for row, text in stored:
                scrubbed = json.dumps(_without_texts(json.loads(text)))
                cursor.execute("UPDATE localcloud.jobs SET resource = ? WHERE rowid = ?", (scrubbed, row))
            for key, job in list(self._jobs.items()):
                self._jobs[key] = _without_texts(job)
        with self._lock:
            self._results.clear()

    def result(self, job: Resource) -> Result:
        """The rows of a finished query. Raises ApiError when they are kept no longer."""
        result = self._results.get(_key(job["jobReference"]))
        if result is None and job["statistics"]["query"]["statementType"] == "SELECT":
            raise ApiError(404, "notFound", f"Not found: the rows of Job {job['id']}, which are kept no longer")
        return result or Result([], [])


def error_of(job: Resource) -> ApiError | None:
    """The answer of a failed job to a call for its result."""
    error = job["status"].get("errorResult")
    return ApiError(_HTTP_STATUS.get(error["reason"], 400), error["reason"], error["message"]) if error else None


def as_begun(job: Resource) -> Resource:
    """A job as BigQuery answers the call that starts one: it has not waited for the end."""
    times = {name: job["statistics"][name] for name in ("creationTime", "startTime")}
    return {**job, "status": {"state": "RUNNING"}, "statistics": times}


# https://cloud.google.com/bigquery/docs/error-messages
_HTTP_STATUS = {
    "backendError": 503,
    "duplicate": 409,
    "internalError": 500,
    "notFound": 404,
    "quotaExceeded": 403,
    "rateLimitExceeded": 403,
}


def _key(reference: Resource) -> JobKey:
    return reference["projectId"], reference["location"].lower(), reference["jobId"]


def _planned(plan: Callable[[], Work]) -> Work:
    """A job that cannot even be planned is one whose work fails."""
    try:
        return plan()
    except ApiError as error:
        failure = error

    def fail(cursor: Cursor) -> Outcome:
        raise failure

    return Work(fail, writes=False, location=None)


def _named(job: Resource, kind: str) -> str:
    """The name by which faults match a job."""
    return f"bigquery job {kind} {job['jobReference']['jobId']}"


def _changes_rows(statistics: Resource) -> bool:
    """Whether a statement updated or deleted rows, which no other may do at the same time."""
    counts = statistics.get("dmlStats", {})
    return any(int(counts.get(name, 0)) for name in ("updatedRowCount", "deletedRowCount"))


def _beside(cursor: Cursor, running: _RunningMerge) -> Outcome:
    """The MERGE's work on the table as it was when it began. Raises _Conflict when it does more than insert."""
    table = running.work.merges_into.sql if running.work.merges_into else ""
    later = [running.newest_row]
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE later_rows AS SELECT * FROM {table} WHERE rowid > ?", later)
    cursor.execute(f"DELETE FROM {table} WHERE rowid > ?", later)
    outcome = running.work.run(cursor)
    if _changes_rows(outcome.statistics):
        raise _Conflict
    cursor.execute(f"INSERT INTO {table} SELECT * FROM later_rows; DROP TABLE later_rows")
    return outcome


def _new_job(project: str, wanted: Resource, work: Work, configuration: Resource, kind: str, now_ms: int) -> Resource:
    job_id, location = wanted.get("jobId") or f"job_{uuid.uuid4().hex}", wanted.get("location") or work.location or "US"

    def without_nulls(part: Resource) -> Resource:
        return {name: value for name, value in part.items() if value is not None}

    # In each answer a field that came as null is absent, and an int32 that came as a text is a number.
    answered: Resource = json.loads(json.dumps(configuration), object_hook=without_nulls)
    if rows := answered[kind].get("skipLeadingRows"):
        answered[kind]["skipLeadingRows"] = int(rows)
    return {
        "kind": "bigquery#job",
        "id": f"{project}:{location}.{job_id}",
        "jobReference": {"projectId": project, "jobId": job_id, "location": location},
        "configuration": {**answered, "jobType": kind.upper()},
        "status": {"state": "RUNNING"},
        "statistics": {"creationTime": str(now_ms), "startTime": str(now_ms)},
    }


def _finished(job: Resource, kind: str, statistics: Resource, now_ms: int) -> Resource:
    processed = statistics.get("totalBytesProcessed", "0")
    times = {**job["statistics"], "endTime": str(now_ms), "totalBytesProcessed": processed}
    return {**job, "status": {"state": "DONE"}, "statistics": {**times, kind: statistics}}


def _failed(job: Resource, failure: ApiError, now_ms: int) -> Resource:
    result = {"reason": failure.reason, "message": failure.message}
    errors = failure.errors if isinstance(failure, JobError) else [result]
    status = {"state": "DONE", "errorResult": {**errors[0]}, "errors": errors}
    return {**job, "status": status, "statistics": {**job["statistics"], "endTime": str(now_ms)}}


def _without_texts(job: Resource) -> Resource:
    """Statements and messages of a job may name a listener or a track; a running job still needs them."""
    if job["status"]["state"] != "DONE":
        return job
    configuration = dict(job["configuration"])
    if "query" in configuration:
        configuration["query"] = {}
    errors = [{**error, "message": ""} for error in job["status"].get("errors", ())]
    status = job["status"] | ({"errorResult": errors[0], "errors": errors} if errors else {})
    return {**job, "configuration": configuration, "status": status}
