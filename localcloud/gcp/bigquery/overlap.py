# ruff: noqa: S608 -- names are quoted, values are parameters
"""MERGEs that run at the same time, as BigQuery lets them: each reads its table as it was when it began.

BigQuery lets MERGEs that only insert commit side by side. One that updates or deletes conflicts with another, and
BigQuery runs it again on what the other has left (cloud.google.com/bigquery/docs/data-manipulation-language).
"""

from dataclasses import dataclass, replace

from localcloud.gcp.bigquery.catalog import Resource
from localcloud.gcp.bigquery.googlesql.translate import TableId
from localcloud.gcp.bigquery.warehouse import Cursor

LONGEST_MS = 10 * 60 * 1000
"""A MERGE that no other meets ends after this time."""


@dataclass(frozen=True)
class RunningMerge:
    """A job that has begun and not ended. `newest_row`: the table's last row when it began, as DuckDB counts them."""

    job: Resource
    table: TableId
    newest_row: int
    ends_at_ms: int
    conflicts: bool = False

    def beside(self, other: Resource) -> "RunningMerge":
        """The same after another job has changed the table."""
        return replace(
            self, ends_at_ms=0, conflicts=self.conflicts or changes_rows(other["statistics"].get("query", {}))
        )


def newest_row(cursor: Cursor, table: TableId) -> int:
    row = cursor.execute(f"SELECT COALESCE(MAX(rowid), -1) FROM {table.sql}").fetchone()
    return int(row[0]) if row else -1


def hide_later_rows(cursor: Cursor, running: RunningMerge) -> None:
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE later_rows AS SELECT * FROM {running.table.sql} WHERE rowid > ?",
        [running.newest_row],
    )
    cursor.execute(f"DELETE FROM {running.table.sql} WHERE rowid > ?", [running.newest_row])


def show_later_rows(cursor: Cursor, running: RunningMerge) -> None:
    cursor.execute(f"INSERT INTO {running.table.sql} SELECT * FROM later_rows")
    cursor.execute("DROP TABLE later_rows")


def changes_rows(statistics: Resource) -> bool:
    """Whether a statement updated or deleted rows, which no other may do at the same time."""
    counts = statistics.get("dmlStats", {})
    return any(int(counts.get(name, 0)) for name in ("updatedRowCount", "deletedRowCount"))
