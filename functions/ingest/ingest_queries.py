"""Runs the statements in `queries/`, inserts rows under a job id, and makes query parameters."""

import time
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from google.api_core.exceptions import Conflict
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY
from google.cloud.bigquery.table import RowIterator

_QUERIES = Path(__file__).parent / "queries"
# The client's own time-outs, ten minutes and more, outlast the function. Before the row of the ledger a run has seven
# statements, of earlier runs, plays, gaps and audio features: 7 * 60 = 420 s where each runs as long as it may. The
# row's job has 60 s to begin and 60 s to end, and a last try of each: 2 * (60 + CALL_SECONDS) = 160 s. With the 180 s
# that http_client.py gives to pauses that is 760 of the 900 s that Cloud Run gives to a run. Calls that are repeated
# come on top; a run that takes longer is ended, and its retry finds what it has done.
CALL_SECONDS, _QUERY_SECONDS = 20, 60
RETRY, _JOB_RETRY = DEFAULT_RETRY.with_timeout(60), DEFAULT_JOB_RETRY.with_timeout(60)

Parameter = bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter


def run_query(client: bigquery.Client, name: str, *parameters: Parameter) -> RowIterator:
    """The rows of `queries/<name>.sql`. The client has the dataset set."""
    return run_text(client, _statement(name), *parameters)


def run_text(
    client: bigquery.Client, text: str, *parameters: Parameter, wait_seconds: float = _QUERY_SECONDS
) -> RowIterator:
    """Raises TimeoutError where the statement takes longer than `wait_seconds`; it is cancelled."""
    return client.query_and_wait(
        text,
        job_config=bigquery.QueryJobConfig(query_parameters=list(parameters)),
        api_timeout=CALL_SECONDS,
        wait_timeout=wait_seconds,
        retry=RETRY,
        job_retry=_JOB_RETRY,
    )


def append(client: bigquery.Client, job_id: str, name: str, *parameters: Parameter) -> None:
    """Run the INSERT in `queries/<name>.sql` once, also when the answer to the first call is lost."""
    config = bigquery.QueryJobConfig(query_parameters=list(parameters))
    job: Any
    try:
        job = client.query(
            _statement(name), job_config=config, job_id=job_id, job_retry=None, retry=RETRY, timeout=CALL_SECONDS
        )
    except Conflict:
        job = client.get_job(job_id, location=client.location, retry=RETRY, timeout=CALL_SECONDS)
    # The client's own waiting gives up at the first error, and gives each look 128 s.
    ends_at = time.monotonic() + _QUERY_SECONDS
    while not job.done(RETRY.with_timeout(ends_at - time.monotonic()), CALL_SECONDS):
        if time.monotonic() + 1 > ends_at:
            raise TimeoutError(f"The job {job_id} had not finished after {_QUERY_SECONDS} s")
        time.sleep(1)
    if error := job.exception():
        raise error


@cache
def _statement(name: str) -> str:
    return (_QUERIES / f"{name}.sql").read_text(encoding="utf-8")


def string(name: str, value: str | None) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter(name, "STRING", value)


def integer(name: str, value: int | None) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter(name, "INT64", value)


def timestamp(name: str, value: datetime | None) -> Parameter:
    return bigquery.ScalarQueryParameter(name, "TIMESTAMP", value)
