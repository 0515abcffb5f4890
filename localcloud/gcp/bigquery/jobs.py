"""The jobs of the laptop BigQuery: ids that can be used once, outcomes that are kept.

A job that writes is recorded in the transaction of what it wrote; one that failed is recorded too, and its id stays
used. Both survive a restart. The rows of a SELECT, and its job, last as long as the process.
"""

import hashlib
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
from localcloud.gcp.bigquery.overlap import (
    LONGEST_MS,
    RunningMerge,
    changes_rows,
    hide_later_rows,
    newest_row,
    show_later_rows,
)
from localcloud.gcp.bigquery.schema import Field
from localcloud.gcp.bigquery.warehouse import Cursor, JobError, Warehouse
from localcloud.web import ApiError

_RESULTS_KEPT = 200
_ANSWERED_WITHOUT_LOCATION = ("us", "eu")
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


class Jobs:
    """All jobs by project, location and id. A fault can let one fail that was accepted, or let two MERGEs overlap."""

    def __init__(self, warehouse: Warehouse, faults: Faults) -> None:
        self._warehouse, self._faults = warehouse, faults
        self._lock = threading.Lock()
        self._jobs: dict[JobKey, Resource] = {}
        self._results: OrderedDict[JobKey, Result] = OrderedDict()
        self._running: dict[JobKey, tuple[RunningMerge, Work]] = {}
        with warehouse.reading() as cursor:
            for (text,) in cursor.execute("SELECT resource FROM localcloud.jobs").fetchall():
                job = json.loads(text)
                self._jobs[_key(job["jobReference"])] = job

    def start(self, project: str, wanted: Resource, configuration: Resource, plan: Callable[[], Work]) -> Resource:
        """Do the work and tell how it went, also when it failed. Raises ApiError only when the id is used already."""
        kind = next((kind for kind in ("query", "load", "extract") if kind in configuration), None)
        if kind is None:
            raise ApiError(400, "invalid", "A job of another kind than query, load and extract is not imitated")
        work = _planned(plan)
        reference = {
            "projectId": project,
            "jobId": wanted.get("jobId") or f"job_{uuid.uuid4().hex}",
            "location": wanted.get("location") or work.location or "US",
        }
        job = _new_job(reference, kind, configuration, self._warehouse.now_ms())
        self._claim(job)
        try:
            if self._begin(job, kind, work):
                return job
            self._jobs[_key(reference)] = self._carry_out(job, kind, work)
        except BaseException:
            self._jobs.pop(_key(reference), None)
            raise
        self._meet_running(work.merges_into, self._jobs[_key(reference)])
        return self._jobs[_key(reference)]

    def _begin(self, job: Resource, kind: str, work: Work) -> bool:
        """Whether the job is a MERGE that is ordered to run beside another: it has begun then, and not ended."""
        if work.merges_into is None or not self._faults.overlaps(f"bigquery job {kind} {job['jobReference']['jobId']}"):
            return False
        with self._warehouse.reading() as cursor:
            row = newest_row(cursor, work.merges_into)
        running = RunningMerge(job, work.merges_into, row, self._warehouse.now_ms() + LONGEST_MS)
        self._running[_key(job["jobReference"])] = (running, work)
        return True

    def _meet_running(self, table: TableId | None, other: Resource) -> None:
        """End the MERGEs that began on this table before the other one, which has ended now."""
        for key, (running, work) in list(self._running.items()):
            if running.table == table:
                self._running[key] = (running.beside(other), work)
        self._end_running()

    def _end_running(self) -> None:
        for key, (running, work) in list(self._running.items()):
            if running.ends_at_ms <= self._warehouse.now_ms():
                del self._running[key]
                self._jobs[key] = self._carry_out(running.job, "query", work, running)

    def _claim(self, job: Resource) -> None:
        with self._lock:
            if _key(job["jobReference"]) in self._jobs:
                raise ApiError(409, "duplicate", f"Already Exists: Job {job['id']}")
            self._jobs[_key(job["jobReference"])] = job

    def _carry_out(self, job: Resource, kind: str, work: Work, running: RunningMerge | None = None) -> Resource:
        try:
            with self._warehouse.writing() if work.writes else self._warehouse.reading() as cursor:
                reference = job["jobReference"]
                if work.location and work.location.lower() != reference["location"].lower():
                    where = f"{reference['projectId']} was not found in location {reference['location']}"
                    raise ApiError(404, "notFound", f"Not found: Dataset {where}")
                self._fail_if_ordered(job, kind)
                outcome = _beside(cursor, work, running) if running and not running.conflicts else work.run(cursor)
                done = _finished(job, kind, outcome.statistics, self._warehouse.now_ms())
                if work.writes:
                    _store(cursor, done)
        except _Conflict:
            return self._carry_out(job, kind, work)
        except ApiError as error:
            done = _failed(job, error, self._warehouse.now_ms())
            with self._warehouse.writing() as cursor:
                _store(cursor, done)
            return done
        if outcome.result is not None:
            self._keep(_key(job["jobReference"]), outcome.result)
        return done

    def _fail_if_ordered(self, job: Resource, kind: str) -> None:
        fault = self._faults.job_failure(f"bigquery job {kind} {job['jobReference']['jobId']}")
        if fault is not None:
            raise ApiError(_HTTP_STATUS.get(fault.reason, 400), fault.reason, "The job was ordered to fail. Try again.")

    def _keep(self, key: JobKey, result: Result) -> None:
        with self._lock:
            self._results[key] = result
            while len(self._results) > _RESULTS_KEPT:
                self._results.popitem(last=False)

    def find(self, project: str, location: str | None, job_id: str) -> Resource:
        """Outside the multi-regions a job is found only where it ran, so the location has to be told."""
        self._end_running()
        places = [location.lower()] if location else _ANSWERED_WITHOUT_LOCATION
        for place in places:
            if job := self._jobs.get((project, place, job_id)):
                return job
        where = f"{project}:{location}." if location else f"{project}:"
        raise ApiError(404, "notFound", f"Not found: Job {where}{job_id}")

    def scrub(self) -> None:
        """Keep of the jobs that have ended which they were and how they ended: no statement, message or row."""
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


def job_id_of(request_id: str) -> str:
    """The id of the job that answers a query request: the same request again meets the same job."""
    return f"job_{hashlib.sha256(request_id.encode()).hexdigest()[:32]}"


def error_of(job: Resource) -> ApiError | None:
    """What a failed job answers to those who ask for its result."""
    error = job["status"].get("errorResult")
    return ApiError(_HTTP_STATUS.get(error["reason"], 400), error["reason"], error["message"]) if error else None


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


class _Conflict(Exception):
    """A MERGE changes rows beside another one."""


def _beside(cursor: Cursor, work: Work, running: RunningMerge) -> Outcome:
    """The MERGE's work on the table as it was when it began. Raises _Conflict when it does more than insert."""
    hide_later_rows(cursor, running)
    outcome = work.run(cursor)
    if changes_rows(outcome.statistics):
        raise _Conflict
    show_later_rows(cursor, running)
    return outcome


def _new_job(reference: Resource, kind: str, configuration: Resource, now_ms: int) -> Resource:
    return {
        "kind": "bigquery#job",
        "id": f"{reference['projectId']}:{reference['location']}.{reference['jobId']}",
        "jobReference": reference,
        "configuration": {**_as_answered(configuration), "jobType": kind.upper()},
        "status": {"state": "RUNNING"},
        "statistics": {"creationTime": str(now_ms), "startTime": str(now_ms)},
    }


def _as_answered(configuration: Resource) -> Resource:
    """In each answer a field that came as null is absent, and an int32 that came as a text is a number."""
    answered: Resource = json.loads(json.dumps(configuration), object_hook=_without_nulls)
    load = answered.get("load", {})
    if "skipLeadingRows" in load:
        load["skipLeadingRows"] = int(load["skipLeadingRows"])
    return answered


def _without_nulls(part: Resource) -> Resource:
    return {name: value for name, value in part.items() if value is not None}


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
    """What a job was asked, and words about it, may name a listener or a track; one that is running needs them."""
    if job["status"]["state"] != "DONE":
        return job
    configuration = dict(job["configuration"])
    if "query" in configuration:
        configuration["query"] = {}
    errors = [{**error, "message": ""} for error in job["status"].get("errors", ())]
    status = job["status"] | ({"errorResult": errors[0], "errors": errors} if errors else {})
    return {**job, "configuration": configuration, "status": status}


def _store(cursor: Cursor, job: Resource) -> None:
    cursor.execute("INSERT INTO localcloud.jobs VALUES (?)", [json.dumps(job)])
