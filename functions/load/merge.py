"""Merges the staging table into `plays` with one MERGE: inserts new plays and completes those of the other source.

Counts plays that are stored twice.

A play that is there under its key, or from the API under another id of its track, is left as it is. One that is there
from the other source becomes one row: identity and metadata as the API has them, `ms_played` and the like as the export
has them, and so what the API leaves NULL: it empties the names of music that was taken down. It is the same row, to the
last column, whichever came first: what an import has brought can be taken away again. Rows of an import that was undone
are left out, and of one that `imports` no longer has because its listener was forgotten.
Which rows are one play is the rule in queries/same_play.sql; `cli import --dry-run` counts with the same file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from string import Template

from google.cloud import bigquery

from bigquery_jobs import CALL_SECONDS, RETRY, find_succeeded, query, run_once
from landed_object import LandedObject
from load_errors import JobFailed
from load_ledger import Counts
from staging import PLAYED_AT, PlaysTable, StagedFile

_QUERIES = Path(__file__).parent / "queries"
_SAME_PLAY = (_QUERIES / "same_play.sql").read_text(encoding="utf-8")
_DOUBLED = Template((_QUERIES / "doubled.sql").read_text(encoding="utf-8")).substitute(same_play=_SAME_PLAY)
KEY = "listener_id, played_at, track_id"
# The columns of `plays` that the rule reads.
_COMPARED = f"""{KEY}, source, ms_played, reported_at, track_name, artist_name, artist_names,
  album_name, duration_ms, isrc, import_id"""
REACH = timedelta(hours=2, seconds=90)
"""How far around a play the rule looks for the other one: the longest pause, and how far apart two ends may lie."""
LATEST = timedelta(days=31)
"""How much later than a play's end `reported_at` may be."""

# What an import brings to a play of the API's, and which import that was.
_FROM_EXPORT = (
    *("ms_played", "ms_played_import_id"),
    *("reason_start", "reason_end", "skipped", "shuffle", "incognito_mode"),
)
# What comes from the API as a whole: what the play is known by, and where the row is from.
_FROM_API = ("listener_id", "played_at", "track_id", "source", "run_id", "ingested_at", "import_id")
_OUTSIDE = "outside_"


@dataclass(frozen=True)
class MergedFile:
    """The result of one generation's MERGE, from the job itself: a repeat reads the same."""

    counts: Counts
    committed_at: datetime
    around: tuple[datetime, datetime]
    """The instants between which the MERGE looked for stored plays."""


def merge(
    client: bigquery.Client, landed: LandedObject, plays: PlaysTable, tracks_id: str, staged: StagedFile
) -> MergedFile:
    """Insert the plays that `plays` lacks and complete those that it has from elsewhere. There is at least one row."""
    if staged.oldest is None or staged.newest is None:
        raise ValueError(f"{staged.table_id} holds nothing to merge")
    imports = f"{plays.table_id.rpartition('.')[0]}.imports"
    sql = merge_sql(plays.table_id, tracks_id, plays.inside_sql(staged.table_id), imports, plays.columns)
    config = bigquery.QueryJobConfig(
        query_parameters=[
            bigquery.ScalarQueryParameter("oldest", "TIMESTAMP", staged.oldest - REACH - LATEST),
            bigquery.ScalarQueryParameter("near", "TIMESTAMP", staged.oldest - REACH),
            bigquery.ScalarQueryParameter("newest", "TIMESTAMP", staged.newest + LATEST + REACH),
            bigquery.ScalarQueryParameter("now", "TIMESTAMP", staged.at),
        ],
        # The job keeps its parameters, for a repeat that comes when the staging table has expired.
        labels={
            "rows_in": str(staged.rows),
            "listeners": str(staged.listeners),
            "rows_refused": str(staged.rows_refused),
            **{f"{_OUTSIDE}{column}": str(values) for column, values in staged.outside.items()},
        },
    )

    def start(job_id: str) -> bigquery.QueryJob:
        return client.query(sql, job_config=config, job_id=job_id, job_retry=None, retry=RETRY, timeout=CALL_SECONDS)

    return run_once(client, landed.job_id("merge"), start, _read)


def find_merged(client: bigquery.Client, landed: LandedObject) -> MergedFile | None:
    """What an earlier delivery of the same event has merged, if it came that far."""
    job = find_succeeded(client, landed.job_id("merge"))
    return None if job is None else _read(job)


def merge_sql(plays: str, tracks: str, staged: str, imports: str, columns: Sequence[str]) -> str:
    """The statement, for the rows of the query `staged`.

    @oldest and @newest are constants, so that only partitions near the file's plays are read. @now is the clock.
    @near: no stored play that was over before it can be one of the file's, whose `played_at` may be LATEST before that.
    """
    listed = ", ".join(map(_quoted, columns))
    of_landed = ", ".join(f"landed.{_quoted(column)}" for column in columns)
    return f"""\
MERGE `{plays}` AS plays
USING (
  WITH landed AS ({_once_sql(staged, imports, columns)}),
  stored AS (
    SELECT {_COMPARED}
    FROM `{plays}`
    WHERE {PLAYED_AT} BETWEEN @oldest AND @newest AND COALESCE(reported_at, {PLAYED_AT}) >= @near
    QUALIFY ROW_NUMBER() OVER (PARTITION BY {KEY} ORDER BY source, ms_played DESC, reported_at DESC) = 1
  ),
  tracks AS (SELECT listener_id, track_id, isrc FROM `{tracks}`),
  same_play AS (
{_SAME_PLAY})
  SELECT {of_landed},
    same_play.stored_at, same_play.stored_id, same_play.outcome
  FROM landed
  INNER JOIN same_play
    ON landed.listener_id = same_play.listener_id
    AND landed.played_at = same_play.played_at AND landed.track_id = same_play.track_id
  WHERE same_play.outcome != 'known'
) AS found
ON plays.{PLAYED_AT} BETWEEN @oldest AND @newest AND plays.listener_id = found.listener_id
  AND plays.played_at = found.stored_at AND plays.track_id = found.stored_id
WHEN MATCHED AND found.outcome = 'completed' AND (found.source = 'export' OR found.import_id IS NOT NULL) THEN
  UPDATE SET reported_at = NULLIF({_over_at("found")}, plays.played_at), {_set_sql(_FROM_EXPORT)},
    {_filled_sql(columns, "plays", "found")}
WHEN MATCHED AND found.outcome = 'completed' THEN
  UPDATE SET reported_at = NULLIF({_over_at("plays")}, found.played_at), {_set_sql(_FROM_API)},
    {_filled_sql(columns, "found", "plays")}
WHEN NOT MATCHED THEN
  INSERT ({listed})
  VALUES ({", ".join(f"found.{_quoted(column)}" for column in columns)})"""  # noqa: S608 -- see describe_sql


def count_doubled(client: bigquery.Client, plays: str, tracks: str, merged: MergedFile) -> int:
    """How many plays around the file's are stored twice, because another MERGE ran beside this one.

    Cloud Run does not promise one instance, and a MERGE goes on when its function is gone. Both insert a play that
    neither sees: MERGEs that only insert do not conflict (cloud.google.com/bigquery/docs/data-manipulation-language).
    Whichever ends last counts it here.
    """
    oldest, newest = merged.around
    parameters = [
        bigquery.ScalarQueryParameter("oldest", "TIMESTAMP", oldest),
        bigquery.ScalarQueryParameter("newest", "TIMESTAMP", newest),
    ]
    return int(next(iter(query(client, doubled_sql(plays, tracks), parameters)))["doubled"])


def doubled_sql(plays: str, tracks: str) -> str:
    return f"""\
WITH stored_rows AS (
  SELECT {_COMPARED}
  FROM `{plays}`
  WHERE {PLAYED_AT} BETWEEN @oldest AND @newest
),
tracks AS (SELECT listener_id, track_id, isrc FROM `{tracks}`)
SELECT COUNT(*) AS doubled
FROM (
{_DOUBLED})"""  # noqa: S608 -- see describe_sql


def _once_sql(staged: str, imports: str, columns: Sequence[str]) -> str:
    """Of rows with one key the fullest is taken: NULLs sort last, and no tie is left to chance."""
    order = ", ".join(f"{_quoted(column)} DESC" for column in columns)
    return f"""
    SELECT {", ".join(map(_quoted, columns))}
    FROM ({staged})
    WHERE import_id IS NULL OR import_id IN (SELECT import_id FROM `{imports}` WHERE undone_at IS NULL)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY {KEY} ORDER BY {order}) = 1
  """  # noqa: S608 -- see describe_sql


def _set_sql(columns: Sequence[str]) -> str:
    return ", ".join(f"{_quoted(column)} = found.{_quoted(column)}" for column in columns)


def _filled_sql(columns: Sequence[str], api: str, export: str) -> str:
    """`api` and `export`: which side of the MERGE has the row of which source."""
    filled = [_quoted(column) for column in columns if column not in (*_FROM_API, *_FROM_EXPORT, "reported_at")]
    return ", ".join(f"{column} = COALESCE({api}.{column}, {export}.{column})" for column in filled)


def _over_at(row: str) -> str:
    """When the play ended by an export's row."""
    return f"COALESCE({row}.reported_at, {row}.played_at)"


def _quoted(column: str) -> str:
    return f"`{column}`"


def _read(job: bigquery.QueryJob) -> MergedFile | None:
    if job.error_result is not None:
        return None
    given = {parameter.name: parameter.value for parameter in job.query_parameters}
    present = job.labels.keys() | given.keys()
    if job.dml_stats is None or job.ended is None or not present >= {"rows_in", "listeners", "oldest", "newest"}:
        raise JobFailed(f"The answer about the job {job.job_id} lacks a field")
    rows_in, inserted = int(job.labels["rows_in"]), job.dml_stats.inserted_row_count
    counts = Counts(
        rows_in=rows_in,
        listeners=int(job.labels["listeners"]),
        inserted=inserted,
        # A play that is stored twice is updated twice, and is one row of the file.
        completed=min(job.dml_stats.updated_row_count, rows_in - inserted),
        # An event may be repeated after a deployment: jobs of the version before do not have the label.
        rows_refused=int(job.labels.get("rows_refused", 0)),
        outside={
            label.removeprefix(_OUTSIDE): int(values)
            for label, values in job.labels.items()
            if label.startswith(_OUTSIDE)
        },
    )
    return MergedFile(counts, job.ended, (given.get("near", given["oldest"]), given["newest"]))
