"""Loads a run's file into a staging table of its own, in a dataset whose tables expire.

The schema is that of the live table `plays`: it is read, never written down a second time.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.api_core.exceptions import Conflict, Forbidden, NotFound
from google.cloud import bigquery
from google.cloud.bigquery.enums import SourceColumnMatch

from bigquery_jobs import CALL_SECONDS, RETRY, query, run_once
from landed_object import LandedObject
from load_cloud import Conditions
from load_errors import REFUSAL, FileRefused, JobFailed, ObjectGone, TableUnfit
from quarantine import is_gone

# The partitioning column. Part of the key, or the MERGE could not be limited to the partitions of the file.
PLAYED_AT = "played_at"
# More bad rows than this, and nothing of the file is believed.
_MOST_BAD_RECORDS = 1_000_000


@dataclass(frozen=True)
class PlaysTable:
    table_id: str
    schema: tuple[bigquery.SchemaField, ...]
    conditions: Conditions
    """Of the columns with bounds."""

    @property
    def columns(self) -> list[str]:
        return [field.name for field in self.schema]

    @property
    def required(self) -> list[bigquery.SchemaField]:
        """The columns that a row must have."""
        return [field for field in self.schema if field.mode == "REQUIRED"]

    @property
    def optional(self) -> set[str]:
        return {field.name for field in self.schema} - {field.name for field in self.required}

    @property
    def may_be_stored_sql(self) -> str:
        """Whether a row of a staging table may be."""
        bounded = [self.conditions[field.name] for field in self.required if field.name in self.conditions]
        return " AND ".join(bounded) or "TRUE"

    def inside_sql(self, table_id: str) -> str:
        """The rows of a staging table that may be stored; a value that may not, and need not be there, is NULL."""
        bounded = self.optional & self.conditions.keys()
        columns = ", ".join(
            f"IF({self.conditions[name]}, `{name}`, NULL) AS `{name}`" if name in bounded else f"`{name}`"
            for name in self.columns
        )
        return f"SELECT {columns} FROM `{table_id}` WHERE {self.may_be_stored_sql}"  # noqa: S608 -- see describe_sql


def fetch_plays_table(client: bigquery.Client, table_id: str, bounds: Conditions) -> PlaysTable:
    try:
        table = client.get_table(table_id, retry=RETRY, timeout=CALL_SECONDS)
    except (NotFound, Forbidden) as error:
        # To an account with a grant on the table alone, a missing one is "denied (or it may not exist)".
        if isinstance(error, Forbidden) and "not exist" not in str(error):
            raise
        raise TableUnfit(f"The table {table_id}, or load's grant on it, is missing") from None
    conditions = {field.name: bounds[field.name] for field in table.schema if field.name in bounds}
    return PlaysTable(table_id, tuple(table.schema), conditions)


@dataclass(frozen=True)
class StagedFile:
    """What of the staging table may be stored, and how many rows of the file may not.

    `oldest` and `newest` are None when there is nothing. `errors`: why rows may not be stored, in the form of
    BigQuery's errors. `outside`: how many values of a column become NULL.
    """

    table_id: str
    rows: int
    listeners: int
    oldest: datetime | None
    newest: datetime | None
    rows_refused: int
    errors: Sequence[dict[str, Any]]
    outside: Mapping[str, int]
    at: datetime
    """What the bounds take for now."""


def stage(
    client: bigquery.Client, landed: LandedObject, plays: PlaysTable, table_id: str, *, only_good_rows: bool
) -> StagedFile:
    """Load the file into its staging table, or find it loaded. With `only_good_rows` refused rows are left out.

    Raises FileRefused for a refused row (with `only_good_rows`: when no row is good) and ObjectGone.
    """
    config = load_config(plays)
    if only_good_rows:
        config.max_bad_records = _MOST_BAD_RECORDS
    first_id = landed.job_id("good-rows" if only_good_rows else "load")
    _make_table(client, plays, table_id)

    def start(job_id: str) -> bigquery.LoadJob:
        return client.load_table_from_uri(
            landed.uri, table_id, job_id=job_id, job_config=config, retry=RETRY, timeout=CALL_SECONDS
        )

    def read(job: bigquery.LoadJob) -> StagedFile | None:
        if job.error_result is not None:
            _raise_if_permanent(client, job, landed)
            return None
        bad_records = _bad_records(job)
        if bad_records and not job.output_rows:
            raise FileRefused(job.errors or [])
        staged, row_count = _describe(client, table_id, plays, bad_records)
        # A job can outlive its rows: a repeat after days finds the table expired, and just recreated.
        if row_count != (job.output_rows or 0):
            return None
        if staged.errors and not (staged.rows and only_good_rows):
            raise FileRefused(staged.errors, by="load")
        return staged

    return run_once(client, first_id, start, read)


def _make_table(client: bigquery.Client, plays: PlaysTable, table_id: str) -> None:
    """One from before an update that changed the columns of `plays` is as good as expired."""
    table = bigquery.Table(table_id, schema=plays.schema)
    with suppress(Conflict):
        client.create_table(table, retry=RETRY, timeout=CALL_SECONDS)
        return
    # With `exists_ok` the client would do this without a time-out.
    found = client.get_table(table_id, retry=RETRY, timeout=CALL_SECONDS)
    if [field.name for field in found.schema] != plays.columns:
        client.delete_table(table_id, not_found_ok=True, retry=RETRY, timeout=CALL_SECONDS)
        with suppress(Conflict):
            client.create_table(table, retry=RETRY, timeout=CALL_SECONDS)


def load_config(plays: PlaysTable) -> bigquery.LoadJobConfig:
    """The file is the contract's CSV and nothing else: no guessing, no bad records, columns by name."""
    return bigquery.LoadJobConfig(
        source_format=bigquery.SourceFormat.CSV,
        skip_leading_rows=1,
        source_column_match=SourceColumnMatch.NAME,
        schema=plays.schema,
        autodetect=False,
        max_bad_records=0,
        allow_quoted_newlines=True,
        preserve_ascii_control_characters=True,
        create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
        write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE,
    )


def _bad_records(job: bigquery.LoadJob) -> int:
    """A figure of the job's statistics for which Google's client has no name."""
    statistics = job._properties.get("statistics", {}).get("load")
    if statistics is None:
        raise JobFailed(f"The answer about the job {job.job_id} lacks its statistics")
    return int(statistics.get("badRecords", 0))


def describe_sql(plays: PlaysTable, table_id: str) -> str:
    """One row. `outside_…`: values that are there and outside the bounds of their column."""
    fits = plays.may_be_stored_sql
    outside = "".join(
        f",\n  COUNTIF(NOT ({condition})) AS outside_{column}" for column, condition in plays.conditions.items()
    )
    return f"""\
SELECT
  COUNT(*) AS row_count,
  COUNTIF({fits}) AS may_be_stored,
  COUNT(DISTINCT IF({fits}, listener_id, NULL)) AS listeners,
  MIN(IF({fits}, {PLAYED_AT}, NULL)) AS oldest,
  MAX(IF({fits}, {PLAYED_AT}, NULL)) AS newest{outside}
FROM `{table_id}`"""  # noqa: S608 -- identifiers and conditions come from checked settings and a checked name


def _describe(client: bigquery.Client, table_id: str, plays: PlaysTable, bad_records: int) -> tuple[StagedFile, int]:
    """What the staging table holds, and how many rows."""
    now = datetime.now(UTC)
    rows = query(client, describe_sql(plays, table_id), [bigquery.ScalarQueryParameter("now", "TIMESTAMP", now)])
    row = next(iter(rows))
    outside = {column: values for column in plays.conditions if (values := row[f"outside_{column}"])}
    staged = StagedFile(
        table_id=table_id,
        rows=row["may_be_stored"],
        listeners=row["listeners"],
        oldest=row["oldest"],
        newest=row["newest"],
        rows_refused=bad_records + row["row_count"] - row["may_be_stored"],
        errors=[_out_of_bounds(field, outside[field.name]) for field in plays.required if field.name in outside],
        outside={column: values for column, values in outside.items() if column in plays.optional},
        at=now,
    )
    return staged, row["row_count"]


def _out_of_bounds(field: bigquery.SchemaField, values: int) -> dict[str, str]:
    """Why rows may not be stored, in the form of BigQuery's errors."""
    _, unit, text = (field.description or "").rpartition("Unit: ")
    rows = f"{values} {'row' if values == 1 else 'rows'}"
    message = f"{field.name} is out of bounds in {rows}; its {'unit' if unit else 'description'}: {text}"
    return {"reason": "outOfBounds", "location": field.name, "message": message}


def _raise_if_permanent(client: bigquery.Client, job: bigquery.LoadJob, landed: LandedObject) -> None:
    reason = job.error_result.get("reason")
    if reason == REFUSAL:
        raise FileRefused([job.error_result, *(job.errors or [])])
    if reason == "notFound" and is_gone(client.project, landed):
        raise ObjectGone(f"{landed.uri} was deleted before it was loaded")
