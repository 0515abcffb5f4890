"""Runs a BigQuery job at most once per identity, however often its event is delivered.

A job id can be used once only. Meeting it again (409) means that this event was here before, or that the answer
to our own call was lost: the job is looked up and its outcome counts. The id of a failed job is lost for good,
so the next attempt carries a number.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, TypeVar

from google.api_core.exceptions import Conflict, Forbidden, NotFound
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY
from google.cloud.bigquery.table import RowIterator

from load_errors import JobFailed

Job = TypeVar("Job", bigquery.LoadJob, bigquery.QueryJob)
Result = TypeVar("Result")

CALL_SECONDS = 30
RETRY = bigquery.DEFAULT_RETRY.with_timeout(60)
# An event has four jobs at most: two loads (the second for the good rows of a refused file), the MERGE and the row of
# the ledger. Each is waited for so long, and for a last look: 4 * (75 + CALL_SECONDS) = 420 of the 540 s that Cloud Run
# gives to an event. The rest is for all other calls, which take seconds unless Google is slow. An event that takes
# longer is redelivered and finds its jobs.
JOB_SECONDS = 75
_JOB_RETRY = DEFAULT_JOB_RETRY.with_timeout(60)


def run_once(
    client: bigquery.Client,
    first_id: str,
    start: Callable[[str], Job],
    read: Callable[[Job], Result | None],
) -> Result:
    """What `read` makes of the first attempt that it accepts; an attempt is started when none exists yet.

    `read` gets finished jobs and returns None for one whose work must be done again. Raises JobFailed when that
    happens to an attempt of our own: the platform's backoff decides how long to wait.
    """
    for job_id in _attempt_ids(first_id):
        job: Any
        try:
            job, is_ours = start(job_id), True
        except Conflict:
            job, is_ours = _fetch(client, job_id), False
        _wait(job)
        result = read(job)
        if result is not None:
            return result
        if is_ours:
            break
    raise JobFailed(f"The job {job.job_id} did not do its work: {job.error_result}")


def find_succeeded(client: bigquery.Client, first_id: str) -> Any:
    """The attempt that succeeded, waiting for one that still runs; None when there is none."""
    for job_id in _attempt_ids(first_id):
        try:
            job = _fetch(client, job_id)
        # Load may read its own jobs only, and BigQuery may count one that does not exist as another's. One that exists
        # answers 409 when it is started again.
        except (NotFound, Forbidden):
            return None
        _wait(job)
        if job.error_result is None:
            return job
    return None


def query(client: bigquery.Client, sql: str, parameters: Sequence[bigquery.ScalarQueryParameter]) -> RowIterator:
    """The rows of a statement that may run any number of times."""
    config = bigquery.QueryJobConfig(query_parameters=parameters)
    return client.query_and_wait(
        sql, job_config=config, api_timeout=CALL_SECONDS, wait_timeout=60, retry=RETRY, job_retry=_JOB_RETRY
    )


def _attempt_ids(first_id: str) -> Iterator[str]:
    yield first_id
    for attempt in count(2):
        yield f"{first_id}-{attempt}"


def _fetch(client: bigquery.Client, job_id: str) -> Any:
    """A job of any kind. Without its location BigQuery would look in the US only."""
    return client.get_job(job_id, location=client.location, retry=RETRY, timeout=CALL_SECONDS)


def _wait(job: bigquery.LoadJob | bigquery.QueryJob) -> None:
    """Until the job has finished, well or not; TimeoutError or RetryError when it takes too long.

    The client's own waiting gives up at the first error, and gives each look 128 s.
    """
    ends_at = time.monotonic() + JOB_SECONDS
    while not job.done(RETRY.with_timeout(ends_at - time.monotonic()), CALL_SECONDS):
        if time.monotonic() + 1 > ends_at:
            raise TimeoutError(f"The job {job.job_id} had not finished after {JOB_SECONDS} s")
        time.sleep(1)
