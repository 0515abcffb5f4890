"""Load's row in the ledger `runs`: what became of the rows of a run's file, as counts and in sentences.

A file gets another generation when a repeat of its run adds plays, when it was mended by hand, when ingest sends it
again, and when a listener is forgotten. Each has jobs of its own, and one row of the ledger tells of them all: the same
in any order. A repeat of the same row adds nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal

from google.cloud import bigquery

from bigquery_jobs import query
from landed_object import LandedObject


@dataclass(frozen=True)
class Counts:
    """What became of the rows of a file."""

    rows_in: int
    listeners: int
    inserted: int
    completed: int
    """Plays that were stored from the other source and learned the rest from this file."""
    rows_refused: int
    outside: Mapping[str, int] = field(default_factory=dict)
    """By column: values that became NULL, because they lay outside the bounds of their column."""
    doubled: int = 0
    """Plays around those of the file that are stored twice. Earlier versions did not count them."""

    @property
    def rows_new(self) -> int:
        """Rows that `plays` holds anew: reason enough for another top ten."""
        return self.inserted + self.completed

    @property
    def details(self) -> dict[str, int]:
        """For the ledger: what became of the rows of the file, adding up to `rows_in`; and plays stored twice."""
        known = self.rows_in - self.rows_new
        doubled = {"doubled": self.doubled} if self.doubled else {}
        return {"new": self.inserted, "completed": self.completed, "known": known, **doubled}


NOTHING = Counts(0, 0, 0, 0, 0)
_NUMBERS = {each.name for each in fields(Counts)} - {"outside"}

Generations = Mapping[int, Counts]


def together(generations: Generations) -> Counts:
    """The fullest generation is the file; what each has stored is stored; what was refused, the newest says.

    Plays that one of them has found stored twice were so, whatever a later one finds.
    """
    counts, newest = generations.values(), generations[max(generations)]
    inserted, completed = sum(each.inserted for each in counts), sum(each.completed for each in counts)
    return Counts(
        # A file that was replaced by other plays may have stored more than it ever held.
        rows_in=max(inserted + completed, *(each.rows_in for each in counts)),
        listeners=max(each.listeners for each in counts),
        inserted=inserted,
        completed=completed,
        rows_refused=newest.rows_refused,
        outside=newest.outside,
        doubled=max(each.doubled for each in counts),
    )


@dataclass(frozen=True)
class LedgerRow:
    """How the step ended, for the run's file as a whole."""

    state: Literal["succeeded", "failed"]
    reason: str
    rows_in: int | None = None
    rows_new: int | None = None
    listeners: int | None = None
    error_class: str | None = None
    details: Mapping[str, Any] | None = None


def of_generations(landed: LandedObject, generations: Generations) -> LedgerRow:
    """All generations of the file as one row, with each of them in its details."""
    row = succeeded(replace(landed, generation=max(generations)), together(generations))
    by_generation = {str(generation): asdict(counts) for generation, counts in generations.items()}
    return replace(row, details={**(row.details or {}), "generations": by_generation})


def succeeded(landed: LandedObject, counts: Counts) -> LedgerRow:
    """Rows that were refused, and plays that are stored twice, are an error beside the success of the others."""
    if not counts.rows_in:
        return LedgerRow("succeeded", "The file holds no plays.", rows_in=0, rows_new=0, listeners=0)
    sentences, error_class = [_sentence(counts)], None
    if counts.doubled:
        stored = "1 play is stored twice" if counts.doubled == 1 else f"{counts.doubled} plays are stored twice"
        sentences.append(f"{stored}, because two loads ran at once: run `python -m cli repair`.")
        error_class = "PlaysDoubled"
    if counts.rows_refused:
        other = "1 other row was" if counts.rows_refused == 1 else f"{counts.rows_refused} other rows were"
        sentences.append(f"{other} refused, see {landed.reason_name} in the quarantine bucket.")
        error_class = "RowsRefused"
    if counts.outside:
        listed = ", ".join(f"{column} ({values})" for column, values in sorted(counts.outside.items()))
        sentences.append(f"Values that their columns may not hold became NULL: {listed}.")
    return LedgerRow(
        "succeeded",
        " ".join(sentences),
        counts.rows_in,
        counts.rows_new,
        counts.listeners,
        error_class,
        counts.details,
    )


def failed(error: Exception, reason: str) -> LedgerRow:
    return LedgerRow("failed", reason, error_class=type(error).__name__)


def _sentence(counts: Counts) -> str:
    plays = "1 play" if counts.rows_in == 1 else f"{counts.rows_in} plays"
    new = f"{counts.inserted or 'none'} {'was' if counts.inserted == 1 else 'were'} new"
    completed = f" and {counts.completed} completed a stored play" if counts.completed else ""
    return f"Of {plays} in the file {new}{completed}."


def from_json(details: Any) -> dict[int, Counts]:
    """From a row's details. Rows of earlier versions do not tell their generations; what is none is left out."""
    told = details.get("generations") if isinstance(details, dict) else None
    if not isinstance(told, dict):
        return {}
    return {int(generation): Counts(**counts) for generation, counts in told.items() if _is_one(generation, counts)}


def _is_one(generation: str, counts: Any) -> bool:
    if not generation.isdecimal() or not isinstance(counts, dict):
        return False
    outside = counts.get("outside", {})
    numbers = {"doubled": 0} | {name: count for name, count in counts.items() if name != "outside"}
    return (
        numbers.keys() == _NUMBERS
        and isinstance(outside, dict)
        and all(type(count) is int for count in (*numbers.values(), *outside.values()))
    )


def write_row(
    client: bigquery.Client,
    table_id: str,
    landed: LandedObject,
    started_at: datetime,
    row: LedgerRow,
    told: str | None = None,
    *,
    is_news: bool = True,
) -> bool:
    """Write the row, or put it in the place of the one whose details are `told`. False when there is another.

    Without `is_news` the row in place keeps its instants: nothing has happened to the plays since.
    """
    parameters = [
        *_row_parameters(landed, row.state),
        bigquery.ScalarQueryParameter("started_at", "TIMESTAMP", started_at),
        bigquery.ScalarQueryParameter("finished_at", "TIMESTAMP", datetime.now(UTC)),
        bigquery.ScalarQueryParameter("listeners", "INT64", row.listeners),
        bigquery.ScalarQueryParameter("rows_in", "INT64", row.rows_in),
        bigquery.ScalarQueryParameter("rows_new", "INT64", row.rows_new),
        bigquery.ScalarQueryParameter("reason", "STRING", row.reason),
        bigquery.ScalarQueryParameter("error_class", "STRING", row.error_class),
        bigquery.ScalarQueryParameter("details", "STRING", json.dumps(row.details) if row.details else None),
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
