"""What the job writes, held against the table files: columns, their order, their types, and where NULL may be."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyspark.sql import DataFrame, SparkSession

from spark_jobs.top_tracks import Batch, LedgerRow, failure, run_row, top_tracks, tracks
from tests.spark_jobs.frames import BATCH, bare_play, rows_of, summaries_frame, table_columns

pytestmark = pytest.mark.spark

SPARK_TYPES = {"STRING": "string", "INTEGER": "bigint", "FLOAT": "double", "TIMESTAMP": "timestamp"}
SPARK_TYPES |= {"BOOLEAN": "boolean"}
STARTED = datetime(2026, 11, 22, 10, 0, 30, 250_000, tzinfo=UTC)
FINISHED = datetime(2026, 11, 22, 10, 1, tzinfo=UTC)
SUCCEEDED = LedgerRow("succeeded", "Plays read: 3, rows of the top ten: 2, listeners: 1.", STARTED, FINISHED, 1, 3, 2)


def columns_of(frame: DataFrame) -> list[tuple[str, str, bool]]:
    return [(field.name, field.dataType.simpleString(), field.nullable) for field in frame.schema]


def expected(table: str, *, without: str = "") -> list[tuple[str, str, bool]]:
    return [
        (column["name"], SPARK_TYPES[column["type"]], column["mode"] == "NULLABLE")
        for column in table_columns(table)
        if column["name"] != without
    ]


def modes_in_file(frame: DataFrame, directory: Path) -> dict[str, str]:
    """REQUIRED or OPTIONAL by column, as the Parquet file itself says."""
    frame.coalesce(1).write.parquet(str(directory))
    sql = f"SELECT name, repetition_type FROM parquet_schema('{directory}/*.parquet') WHERE type IS NOT NULL"
    return dict(duckdb.sql(sql).fetchall())


def modes_in_table(table: str, *, without: str = "") -> dict[str, str]:
    modes = {"REQUIRED": "REQUIRED", "NULLABLE": "OPTIONAL"}
    return {column["name"]: modes[column["mode"]] for column in table_columns(table) if column["name"] != without}


@pytest.mark.parametrize("make", [top_tracks, tracks])
def test_the_closing_select_and_the_table_file_agree_also_when_plays_have_the_required_columns_alone(
    spark: SparkSession, tmp_path: Path, make: Callable[[DataFrame, Batch], DataFrame]
) -> None:
    frame = make(summaries_frame(spark, [bare_play("x"), bare_play("x")]), BATCH)
    assert columns_of(frame) == expected(make.__name__)
    assert modes_in_file(frame, tmp_path / "rows") == modes_in_table(make.__name__)


def test_the_row_in_the_ledger_and_its_table_file_agree_but_for_the_details(
    spark: SparkSession, tmp_path: Path
) -> None:
    row = run_row(spark, BATCH, SUCCEEDED)
    assert columns_of(row) == expected("runs", without="details")
    assert modes_in_file(row, tmp_path / "run") == modes_in_table("runs", without="details")


def test_a_batch_that_succeeds_records_it_in_the_ledger(spark: SparkSession) -> None:
    assert rows_of(run_row(spark, BATCH, SUCCEEDED)) == [
        {
            "run_id": "20261122T090000Z",
            "slot": "2026-11-22 09:00:00",
            "step": "top_tracks",
            "state": "succeeded",
            "started_at": "2026-11-22 10:00:30.25",
            "finished_at": "2026-11-22 10:01:00",
            "listeners": 1,
            "rows_in": 3,
            "rows_new": 2,
            "reason": "Plays read: 3, rows of the top ten: 2, listeners: 1.",
            "error_class": None,
            "blocked_until": None,
        }
    ]


def test_a_batch_that_failed_names_the_error_but_not_its_text(spark: SparkSession) -> None:
    ledger_row = failure(ValueError("spark@heavy-rotation.iam.gserviceaccount.com may not"), STARTED)
    [row] = rows_of(run_row(spark, BATCH, ledger_row))
    shown: dict[str, Any] = {key: row[key] for key in ("state", "error_class", "reason", "rows_in", "started_at")}
    assert shown == {
        "state": "failed",
        "error_class": "ValueError",
        "reason": "The batch ended with ValueError; its driver output says more.",
        "rows_in": None,
        "started_at": "2026-11-22 10:00:30.25",
    }


def test_a_batch_that_failed_in_two_ways_names_both_errors() -> None:
    """The class is the first one's: what the dashboard advises follows from it."""
    row = failure(ExceptionGroup("not written", [ValueError("spark@"), TypeError("heavy"), ValueError("x")]), STARTED)
    assert (row.error_class, row.reason) == (
        "ValueError",
        "The batch ended with ValueError and TypeError; its driver output says more.",
    )
