"""Rows of the ledger `runs`: the step `transform`, and a batch that died without leaving a row of its own.

A repeat of the same outcome adds nothing.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY

from batches import KnownBatch
from plays_loaded import PlaysLoaded, slot_of

_CALL_SECONDS = 30
_RETRY_SECONDS = 60


@dataclass(frozen=True)
class LedgerRow:
    run_id: str
    slot: datetime
    step: Literal["transform", "top_tracks"]
    state: Literal["succeeded", "skipped", "failed"]
    started_at: datetime
    finished_at: datetime
    reason: str
    rows_in: int | None = None
    error_class: str | None = None


def transform_row(
    plays: PlaysLoaded,
    started_at: datetime,
    state: Literal["succeeded", "skipped", "failed"],
    reason: str,
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
        error_class=f"Batch{batch.state.capitalize()}",
    )


def write_row(client: bigquery.Client, table_id: str, row: LedgerRow) -> None:
    parameters = [
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
    client.query_and_wait(
        row_sql(table_id),
        job_config=bigquery.QueryJobConfig(query_parameters=parameters),
        api_timeout=_CALL_SECONDS,
        wait_timeout=_RETRY_SECONDS,
        retry=bigquery.DEFAULT_RETRY.with_timeout(_RETRY_SECONDS),
        job_retry=DEFAULT_JOB_RETRY.with_timeout(_RETRY_SECONDS),
    )


def row_sql(table_id: str) -> str:
    """Keyed on run, step and state; the slot is the bound that spares all other partitions."""
    return f"""\
MERGE `{table_id}` AS runs
USING (SELECT @run_id AS run_id, @step AS step, @state AS state) AS outcome
ON runs.slot = @slot AND runs.run_id = outcome.run_id AND runs.step = outcome.step AND runs.state = outcome.state
WHEN NOT MATCHED THEN
  INSERT (run_id, slot, step, state, started_at, finished_at, rows_in, reason, error_class)
  VALUES (@run_id, @slot, @step, @state, @started_at, @finished_at, @rows_in, @reason, @error_class)"""  # noqa: S608 -- the identifier comes from checked settings
