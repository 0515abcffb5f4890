"""Adds rows to the ledger `runs`: one for each generation of a run's file, with counts of its rows and a reason.

A file gets another generation when a retry of its run adds plays, when it is repaired by hand, when ingest re-sends it
or when a listener is forgotten. What a run has stored is the sum of `rows_new` over its rows.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from google.cloud import bigquery

from bigquery_jobs import CALL_SECONDS, RETRY, run_once
from landed_object import LandedObject

_ADD_RUN = (Path(__file__).parent / "queries/add_run.sql").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Counts:
    """What became of the rows of a file."""

    rows_in: int = 0
    listeners: int = 0
    inserted: int = 0
    completed: int = 0
    """Plays that were stored from the other source and completed from this file."""
    rows_refused: int = 0
    outside: Mapping[str, int] = field(default_factory=dict)
    """By column: values that became NULL, because they lay outside the bounds of their column."""
    doubled: int = 0
    """Plays around those of the file that are stored twice."""

    @property
    def rows_changed(self) -> int:
        """Rows inserted or completed, a reason for another top ten: `rows_new` in the ledger and the message."""
        return self.inserted + self.completed

    @property
    def details(self) -> dict[str, int]:
        """For the ledger: what became of the rows of the file, adding up to `rows_in`; and plays stored twice."""
        known = self.rows_in - self.rows_changed
        doubled = {"doubled": self.doubled} if self.doubled else {}
        return {"new": self.inserted, "completed": self.completed, "known": known, **doubled}


@dataclass(frozen=True)
class LedgerRow:
    """How the step ended, for one generation of the run's file."""

    state: Literal["succeeded", "failed"]
    reason: str
    rows_in: int | None = None
    rows_new: int | None = None
    listeners: int | None = None
    error_class: str | None = None
    details: Mapping[str, int] | None = None


def succeeded(landed: LandedObject, counts: Counts) -> LedgerRow:
    """Rows that were refused, and plays that are stored twice, are an error beside the success of the others."""
    if not counts.rows_in:
        return LedgerRow("succeeded", "The file holds no plays.", rows_in=0, rows_new=0, listeners=0)
    plays = "1 play" if counts.rows_in == 1 else f"{counts.rows_in:,} plays"
    new = f"{f'{counts.inserted:,}' if counts.inserted else 'none'} {'was' if counts.inserted == 1 else 'were'} new"
    completed = f" and {counts.completed:,} completed a stored play" if counts.completed else ""
    sentences, error_class = [f"Of {plays} in the file {new}{completed}."], None
    if counts.doubled:
        stored = "1 play is stored twice" if counts.doubled == 1 else f"{counts.doubled:,} plays are stored twice"
        sentences.append(f"{stored}: two loads ran at once, or an earlier version did it. Run `python -m cli repair`.")
        error_class = "PlaysDoubled"
    if counts.rows_refused:
        other = "1 other row was" if counts.rows_refused == 1 else f"{counts.rows_refused:,} other rows were"
        sentences.append(f"{other} refused, see {landed.reason_name} in the quarantine bucket.")
        error_class = "RowsRefused"
    if counts.outside:
        listed = ", ".join(f"{column} ({values:,})" for column, values in sorted(counts.outside.items()))
        sentences.append(f"Values out of bounds became NULL: {listed}.")
    numbers = (counts.rows_in, counts.rows_changed, counts.listeners)
    return LedgerRow("succeeded", " ".join(sentences), *numbers, error_class, counts.details)


def failed(error: Exception, reason: str) -> LedgerRow:
    return LedgerRow("failed", reason, error_class=type(error).__name__)


def write_row(client: bigquery.Client, landed: LandedObject, started_at: datetime, row: LedgerRow) -> None:
    """Add the row, once: a repeat finds the job that has added it."""
    config = bigquery.QueryJobConfig(
        query_parameters=[
            bigquery.ScalarQueryParameter("run_id", "STRING", landed.run_id),
            bigquery.ScalarQueryParameter("slot", "TIMESTAMP", landed.slot),
            bigquery.ScalarQueryParameter("state", "STRING", row.state),
            bigquery.ScalarQueryParameter("started_at", "TIMESTAMP", started_at),
            bigquery.ScalarQueryParameter("finished_at", "TIMESTAMP", datetime.now(UTC)),
            bigquery.ScalarQueryParameter("listeners", "INT64", row.listeners),
            bigquery.ScalarQueryParameter("rows_in", "INT64", row.rows_in),
            bigquery.ScalarQueryParameter("rows_new", "INT64", row.rows_new),
            bigquery.ScalarQueryParameter("reason", "STRING", row.reason),
            bigquery.ScalarQueryParameter("error_class", "STRING", row.error_class),
            bigquery.ScalarQueryParameter(
                "details", "STRING", json.dumps({"generation": str(landed.generation), **(row.details or {})})
            ),
        ]
    )

    def start(job_id: str) -> bigquery.QueryJob:
        return client.query(
            _ADD_RUN, job_config=config, job_id=job_id, job_retry=None, retry=RETRY, timeout=CALL_SECONDS
        )

    run_once(client, f"{landed.job_id('ledger')}-{row.state}", start, lambda job: None if job.error_result else True)
