"""Load's row in the ledger `runs`. A repeat of the same outcome adds nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from google.cloud import bigquery

from bigquery_jobs import query
from landed_object import LandedObject


@dataclass(frozen=True)
class Outcome:
    """How the step ended, in the ledger's words."""

    state: Literal["succeeded", "failed"]
    reason: str
    rows_in: int | None = None
    rows_new: int | None = None
    listeners: int | None = None
    error_class: str | None = None
    details: Mapping[str, int] | None = None


def write_outcome(
    client: bigquery.Client, table_id: str, landed: LandedObject, started_at: datetime, outcome: Outcome
) -> None:
    parameters = [
        bigquery.ScalarQueryParameter("run_id", "STRING", landed.run_id),
        bigquery.ScalarQueryParameter("slot", "TIMESTAMP", landed.slot),
        bigquery.ScalarQueryParameter("state", "STRING", outcome.state),
        bigquery.ScalarQueryParameter("started_at", "TIMESTAMP", started_at),
        bigquery.ScalarQueryParameter("finished_at", "TIMESTAMP", datetime.now(UTC)),
        bigquery.ScalarQueryParameter("listeners", "INT64", outcome.listeners),
        bigquery.ScalarQueryParameter("rows_in", "INT64", outcome.rows_in),
        bigquery.ScalarQueryParameter("rows_new", "INT64", outcome.rows_new),
        bigquery.ScalarQueryParameter("reason", "STRING", outcome.reason),
        bigquery.ScalarQueryParameter("error_class", "STRING", outcome.error_class),
        bigquery.ScalarQueryParameter("details", "STRING", json.dumps(outcome.details) if outcome.details else None),
    ]
    query(client, outcome_sql(table_id), parameters)


def outcome_sql(table_id: str) -> str:
    """Keyed on run, step and state; the slot is the bound that spares all other partitions.

    One row tells of all generations of a run's file: one that has grown, or was mended and put back, adds what it
    brought and clears the error. A repeat of the same generation changes nothing.
    """
    return f"""\
MERGE `{table_id}` AS runs
USING (SELECT @run_id AS run_id, @state AS state) AS outcome
ON runs.slot = @slot AND runs.run_id = outcome.run_id AND runs.step = 'load' AND runs.state = outcome.state
WHEN MATCHED AND ((runs.error_class IS NOT NULL AND @error_class IS NULL) OR @rows_in > runs.rows_in) THEN
  UPDATE SET
    finished_at = @finished_at, listeners = @listeners, rows_in = @rows_in, rows_new = runs.rows_new + @rows_new,
    reason = @reason, error_class = @error_class, details = PARSE_JSON(@details)
WHEN NOT MATCHED THEN
  INSERT (run_id, slot, step, state, started_at, finished_at, listeners, rows_in, rows_new, reason, error_class,
    details)
  VALUES (@run_id, @slot, 'load', @state, @started_at, @finished_at, @listeners, @rows_in, @rows_new, @reason,
    @error_class, PARSE_JSON(@details))"""  # noqa: S608 -- see describe_sql
