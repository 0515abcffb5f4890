"""Load's row in the ledger `runs`. A repeat of the same outcome adds nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

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
    details: Mapping[str, Any] | None = None


def write_outcome(
    client: bigquery.Client,
    table_id: str,
    landed: LandedObject,
    started_at: datetime,
    outcome: Outcome,
    told: str | None = None,
    *,
    is_news: bool = True,
) -> bool:
    """Write the row, or put it in the place of the one whose details are `told`. False when there is another.

    Without `is_news` the row in place keeps its instants: nothing has happened to the plays since.
    """
    parameters = [
        *_row_parameters(landed, outcome.state),
        bigquery.ScalarQueryParameter("started_at", "TIMESTAMP", started_at),
        bigquery.ScalarQueryParameter("finished_at", "TIMESTAMP", datetime.now(UTC)),
        bigquery.ScalarQueryParameter("listeners", "INT64", outcome.listeners),
        bigquery.ScalarQueryParameter("rows_in", "INT64", outcome.rows_in),
        bigquery.ScalarQueryParameter("rows_new", "INT64", outcome.rows_new),
        bigquery.ScalarQueryParameter("reason", "STRING", outcome.reason),
        bigquery.ScalarQueryParameter("error_class", "STRING", outcome.error_class),
        bigquery.ScalarQueryParameter("details", "STRING", json.dumps(outcome.details) if outcome.details else None),
        bigquery.ScalarQueryParameter("told", "STRING", told),
        bigquery.ScalarQueryParameter("is_news", "BOOL", is_news),
    ]
    return bool(query(client, outcome_sql(table_id), parameters).num_dml_affected_rows)


def fetch_told(client: bigquery.Client, table_id: str, landed: LandedObject) -> str | None:
    """The details of the row that says the run's file was loaded, as JSON; None when there is no such row."""
    rows = query(client, told_sql(table_id), _row_parameters(landed, "succeeded"))
    return next((row["told"] for row in rows), None)


def _row_parameters(landed: LandedObject, state: str) -> list[bigquery.ScalarQueryParameter]:
    return [
        bigquery.ScalarQueryParameter("run_id", "STRING", landed.run_id),
        bigquery.ScalarQueryParameter("slot", "TIMESTAMP", landed.slot),
        bigquery.ScalarQueryParameter("state", "STRING", state),
    ]


def outcome_sql(table_id: str) -> str:
    """Keyed on run, step and state; the slot is the bound that spares all other partitions.

    One row tells of all generations of a run's file. It is replaced only by who has read it: nobody's part is lost.
    """
    return f"""\
MERGE `{table_id}` AS runs
USING (SELECT @run_id AS run_id, @state AS state) AS outcome
ON runs.slot = @slot AND runs.run_id = outcome.run_id AND runs.step = 'load' AND runs.state = outcome.state
WHEN MATCHED AND TO_JSON_STRING(runs.details) = @told THEN
  UPDATE SET
    started_at = IF(@is_news, @started_at, runs.started_at), finished_at = IF(@is_news, @finished_at, runs.finished_at),
    listeners = @listeners, rows_in = @rows_in, rows_new = @rows_new, reason = @reason,
    error_class = @error_class, details = PARSE_JSON(@details)
WHEN NOT MATCHED THEN
  INSERT (run_id, slot, step, state, started_at, finished_at, listeners, rows_in, rows_new, reason, error_class,
    details)
  VALUES (@run_id, @slot, 'load', @state, @started_at, @finished_at, @listeners, @rows_in, @rows_new, @reason,
    @error_class, PARSE_JSON(@details))"""  # noqa: S608 -- see describe_sql


def told_sql(table_id: str) -> str:
    return f"""\
SELECT TO_JSON_STRING(details) AS told
FROM `{table_id}`
WHERE slot = @slot AND run_id = @run_id AND step = 'load' AND state = @state"""  # noqa: S608 -- see describe_sql
