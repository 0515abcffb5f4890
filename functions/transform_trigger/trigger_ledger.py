"""Adds rows to the ledger `runs`: each decision (step `transform`), and a batch that died without a row of its own.

Writes log entries, too.
"""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any, Literal

from google.api_core.exceptions import Conflict
from google.cloud import bigquery

from batches import KnownBatch
from plays_loaded import PlaysLoaded, slot_of

_RETRY = bigquery.DEFAULT_RETRY.with_timeout(60)
_CALL: Any = {"timeout": 30, "retry": _RETRY}
_JOB_SECONDS = 60
_ADD_RUN = (Path(__file__).parent / "queries/add_run.sql").read_text(encoding="utf-8")


@dataclass(frozen=True)
class LedgerRow:
    run_id: str
    slot: datetime
    step: Literal["transform", "top_tracks"]
    state: Literal["succeeded", "skipped", "failed"]
    started_at: datetime
    finished_at: datetime
    reason: str
    subject: str
    """What the row is about, beside run, step and state: a repeat of the same adds nothing."""
    rows_in: int | None = None
    error_class: str | None = None

    @property
    def job_id(self) -> str:
        return f"ledger-{self.run_id}-{self.step}-{self.state}-{self.subject}"


def transform_row(
    plays: PlaysLoaded,
    started_at: datetime,
    state: Literal["succeeded", "skipped", "failed"],
    reason: str,
    batch_id: str | None = None,
    error_class: str | None = None,
) -> LedgerRow:
    return LedgerRow(
        run_id=plays.run_id,
        slot=plays.slot,
        step="transform",
        state=state,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        reason=reason,
        subject=f"{plays.committed_at:%Y%m%dT%H%M%S%f}-{batch_id or error_class}",
        rows_in=plays.rows_new,
        error_class=error_class,
    )


def failure_row(batch: KnownBatch) -> LedgerRow:
    """A batch that died, under the run it was submitted for. Only for batches with a run id."""
    run_id = batch.run_id or ""
    end = {"FAILED": "failed", "CANCELLED": "was cancelled"}[batch.state]
    return LedgerRow(
        run_id=run_id,
        slot=slot_of(run_id),
        step="top_tracks",
        state="failed",
        started_at=batch.created_at,
        finished_at=batch.state_since,
        reason=f"Batch {batch.batch_id} {end}: {batch.state_message or 'Dataproc does not say why'}",
        subject=batch.batch_id,
        error_class=f"Batch{batch.state.capitalize()}",
    )


def write_row(client: bigquery.Client, row: LedgerRow) -> None:
    """Add the row, once: a repeat finds the job that has added it."""
    config = bigquery.QueryJobConfig(
        query_parameters=[
            bigquery.ScalarQueryParameter("run_id", "STRING", row.run_id),
            bigquery.ScalarQueryParameter("slot", "TIMESTAMP", row.slot),
            bigquery.ScalarQueryParameter("step", "STRING", row.step),
            bigquery.ScalarQueryParameter("state", "STRING", row.state),
            bigquery.ScalarQueryParameter("started_at", "TIMESTAMP", row.started_at),
            bigquery.ScalarQueryParameter("finished_at", "TIMESTAMP", row.finished_at),
            bigquery.ScalarQueryParameter("rows_in", "INT64", row.rows_in),
            bigquery.ScalarQueryParameter("reason", "STRING", row.reason),
            bigquery.ScalarQueryParameter("error_class", "STRING", row.error_class),
        ]
    )
    # The id of a job that failed is used up, so the next attempt has a number.
    for job_id in chain([row.job_id], (f"{row.job_id}-{attempt}" for attempt in count(2))):
        job: Any
        try:
            job, is_ours = client.query(_ADD_RUN, job_config=config, job_id=job_id, job_retry=None, **_CALL), True
        except Conflict:
            job, is_ours = client.get_job(job_id, location=client.location, **_CALL), False
        _wait(job)
        error = job.exception()
        if error is None:
            return
        if is_ours:
            raise error


def _wait(job: bigquery.QueryJob) -> None:
    """The client's own waiting gives up at the first error, and gives each look 128 s."""
    ends_at = time.monotonic() + _JOB_SECONDS
    while not job.done(**_CALL | {"retry": _RETRY.with_timeout(ends_at - time.monotonic())}):
        if time.monotonic() + 1 > ends_at:
            raise TimeoutError(f"The job {job.job_id} had not finished after {_JOB_SECONDS} s")
        time.sleep(1)


def log(severity: str, message: str, **fields: Any) -> None:
    """One entry in the form that Cloud Logging parses. Never give it a secret or an e-mail address."""
    print(json.dumps({"severity": severity, "message": message, **fields}), flush=True)
