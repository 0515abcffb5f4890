"""One MERGE from the staging table into `plays`: a play that is there already is left as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from google.cloud import bigquery

from bigquery_jobs import CALL_SECONDS, RETRY, find_succeeded, run_once
from landed_object import LandedObject
from plays_table import PLAYED_AT, PlaysTable
from staging import StagedFile


@dataclass(frozen=True)
class MergedFile:
    """What became of a file, as its MERGE job tells it; a repeat is told the same."""

    rows_in: int
    listeners: int
    rows_new: int
    rows_refused: int
    committed_at: datetime


def merge(client: bigquery.Client, landed: LandedObject, plays: PlaysTable, staged: StagedFile) -> MergedFile:
    """Insert the plays that `plays` lacks. `staged` holds at least one row."""
    sql = merge_sql(plays.table_id, staged.table_id, plays.columns, plays.key)
    config = bigquery.QueryJobConfig(
        query_parameters=[
            bigquery.ScalarQueryParameter("oldest", "TIMESTAMP", staged.oldest),
            bigquery.ScalarQueryParameter("newest", "TIMESTAMP", staged.newest),
        ],
        # The job remembers what it was given, for a repeat that comes when the staging table has expired.
        labels={
            "rows_in": str(staged.rows),
            "listeners": str(staged.listeners),
            "rows_refused": str(staged.rows_refused),
        },
    )

    def start(job_id: str) -> bigquery.QueryJob:
        return client.query(sql, job_config=config, job_id=job_id, job_retry=None, retry=RETRY, timeout=CALL_SECONDS)

    return run_once(client, landed.merge_job_id, start, _read)


def find_merged(client: bigquery.Client, landed: LandedObject) -> MergedFile | None:
    """What an earlier delivery of the same event has merged, if it came that far."""
    job = find_succeeded(client, landed.merge_job_id)
    return None if job is None else _read(job)


def merge_sql(plays: str, staging: str, columns: Sequence[str], key: Sequence[str]) -> str:
    """The statement. Of rows with one key the fullest is taken: NULLs sort last, and no tie is left to chance."""
    listed = ", ".join(map(_quoted, columns))
    keys = ", ".join(map(_quoted, key))
    order = ", ".join(f"{_quoted(column)} DESC" for column in columns if column not in key)
    same_key = " AND ".join(f"plays.{_quoted(column)} = landed.{_quoted(column)}" for column in key)
    return f"""\
MERGE `{plays}` AS plays
USING (
  SELECT {listed}
  FROM `{staging}`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY {keys} ORDER BY {order}) = 1
) AS landed
ON plays.{_quoted(PLAYED_AT)} BETWEEN @oldest AND @newest AND {same_key}
WHEN NOT MATCHED THEN
  INSERT ({listed})
  VALUES ({", ".join(f"landed.{_quoted(column)}" for column in columns)})"""  # noqa: S608 -- see describe_sql


def _quoted(column: str) -> str:
    return f"`{column}`"


def _read(job: bigquery.QueryJob) -> MergedFile | None:
    if job.error_result is not None or job.dml_stats is None or job.ended is None:
        return None
    return MergedFile(
        rows_in=int(job.labels["rows_in"]),
        listeners=int(job.labels["listeners"]),
        rows_new=job.dml_stats.inserted_row_count,
        # An event may be repeated after a deployment: jobs of the version before do not have the label.
        rows_refused=int(job.labels.get("rows_refused", 0)),
        committed_at=job.ended,
    )
