"""Load and extract jobs: all rows or none, with BigQuery's kind of message when it is none."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pytest
from google.api_core.exceptions import BadRequest, Conflict, GoogleAPICallError
from google.cloud import bigquery
from google.cloud.bigquery.enums import SourceColumnMatch

from tests.localcloud.gcp.bigquery.warehouse import NOON, PROJECT, Warehouse, running_warehouse

GOOD, BAD = "gs://landing/good.csv", "gs://landing/bad.csv"
SCHEMA = [bigquery.SchemaField("id", "STRING", "REQUIRED", description="Who."), bigquery.SchemaField("n", "INTEGER")]
AS_THE_PROJECT_LOADS = {
    "source_column_match": SourceColumnMatch.NAME,
    "schema": SCHEMA,
    "allow_quoted_newlines": True,
    "preserve_ascii_control_characters": True,
    "max_bad_records": 0,
    "autodetect": False,
    "create_disposition": "CREATE_NEVER",
    "write_disposition": "WRITE_TRUNCATE",
}


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with running_warehouse(tmp_path) as warehouse:
        warehouse.create("t", "id STRING REQUIRED", "n INT64")
        warehouse.rows("INSERT INTO t (id, n) VALUES ('old', 0)")
        warehouse.objects[GOOD] = b'n,id\n1,a\n,"b\nc"\n'
        warehouse.objects[BAD] = b"id,n\na,1\nb,two\n"
        yield warehouse


def contents(warehouse: Warehouse, table: str = "t") -> list[tuple[Any, ...]]:
    return warehouse.rows(f"SELECT * FROM {table} ORDER BY id")


def test_a_file_replaces_the_rows_and_the_job_shows_how_many(warehouse: Warehouse) -> None:
    job = warehouse.load("t", GOOD, **AS_THE_PROJECT_LOADS)
    job.result()

    assert contents(warehouse) == [("a", 1), ("b\nc", None)]
    assert (job.output_rows, job.input_files, job.input_file_bytes) == (2, 1, len(warehouse.objects[GOOD]))
    assert (job.created, job.ended, job.state) == (NOON, NOON, "DONE")


def test_a_file_that_comes_with_the_job_is_added_to_the_table(warehouse: Warehouse) -> None:
    content = b'b,2\n"c\nd",3\n'
    config = bigquery.LoadJobConfig(schema=SCHEMA, source_format="CSV", allow_quoted_newlines=True)
    job = warehouse.client.load_table_from_file(
        BytesIO(content), "listening.t", size=len(content), job_id="uploaded", job_config=config
    )
    job.result()

    assert contents(warehouse) == [("b", 2), ("c\nd", 3), ("old", 0)]
    assert (job.output_rows, job.input_files, job.input_file_bytes) == (2, 1, len(content))
    with pytest.raises(Conflict):
        warehouse.client.load_table_from_file(BytesIO(content), "listening.t", size=len(content), job_id="uploaded")


def test_an_upload_in_pieces_is_not_imitated(warehouse: Warehouse) -> None:
    with pytest.raises(GoogleAPICallError, match="An upload other than multipart is not imitated"):
        warehouse.client.load_table_from_file(BytesIO(b"b,2\n"), "listening.t")


def test_a_refused_file_leaves_the_table_untouched_and_names_line_column_and_value(warehouse: Warehouse) -> None:
    before = warehouse.client.get_table("listening.t").to_api_repr()
    warehouse.clock.set(NOON + timedelta(hours=1))
    job = warehouse.load("t", GOOD, BAD, **AS_THE_PROJECT_LOADS)
    with pytest.raises(BadRequest):
        job.result()

    summary = (
        "Error while reading data, error message: CSV table encountered too many errors, giving up. "
        "Rows: 2; errors: 1. Please look into the errors[] collection for more details."
    )
    detail = (
        "Error while reading data, error message: Unable to parse; line_number: 3 byte_offset_to_start_of_line: 9 "
        f'column_index: 1 column_name: "n" column_type: INT64 value: "two" File: {BAD}'
    )
    assert job.error_result == {"reason": "invalid", "location": BAD, "message": summary}
    assert job.errors == [job.error_result, {"reason": "invalid", "location": BAD, "message": detail}]
    assert contents(warehouse) == [("old", 0)]
    assert warehouse.client.get_table("listening.t").to_api_repr() == before


def test_bad_records_are_left_out_and_counted_as_far_as_the_job_allows_them(warehouse: Warehouse) -> None:
    warehouse.objects[BAD] = b'id,n\na,1\nb,x\nc,3\nd,"4" \ne,5\n"f,6\n'
    settings = {**AS_THE_PROJECT_LOADS, "write_disposition": "WRITE_TRUNCATE"}

    job = warehouse.load("t", BAD, **{**settings, "max_bad_records": 3}).result()

    # The open quote takes the rest of the file with it.
    assert contents(warehouse) == [("a", 1), ("c", 3), ("e", 5)]
    assert (job.output_rows, job._properties["statistics"]["load"]["badRecords"]) == (3, "3")
    with pytest.raises(BadRequest, match="Rows: 6; errors: 3"):
        warehouse.load("t", BAD, **{**settings, "max_bad_records": 2}).result()
    assert contents(warehouse) == [("a", 1), ("c", 3), ("e", 5)]


def test_a_header_that_is_wrong_is_no_bad_record(warehouse: Warehouse) -> None:
    warehouse.objects[BAD] = b"name,n\na,1\n"

    with pytest.raises(BadRequest, match='a column "name" that the schema does not have'):
        warehouse.load("t", BAD, **{**AS_THE_PROJECT_LOADS, "max_bad_records": 9}).result()


@pytest.mark.parametrize(
    ("disposition", "ids"),
    [
        (None, ["a", "b\nc", "old"]),
        ("WRITE_APPEND", ["a", "b\nc", "old"]),
        ("WRITE_TRUNCATE", ["a", "b\nc"]),
    ],
)
def test_what_becomes_of_the_rows_before(warehouse: Warehouse, disposition: str | None, ids: list[str]) -> None:
    warehouse.load("t", GOOD, **{**AS_THE_PROJECT_LOADS, "write_disposition": disposition}).result()

    assert [id_ for id_, _ in contents(warehouse)] == ids


def test_a_truncating_load_brings_its_schema(warehouse: Warehouse) -> None:
    warehouse.create("whole", "id STRING", "n INT64", description="Kept.")
    warehouse.load("whole", GOOD, **AS_THE_PROJECT_LOADS).result()
    whole = warehouse.client.get_table("listening.whole")

    assert (whole.schema, whole.description) == (SCHEMA, "Kept.")


def test_an_appending_load_has_to_fit_the_table(warehouse: Warehouse) -> None:
    for schema, problem in (
        (
            [bigquery.SchemaField("id", "STRING"), bigquery.SchemaField("n", "STRING")],
            "changed type from INTEGER to STRING",
        ),
        ([bigquery.SchemaField("id", "STRING"), bigquery.SchemaField("m", "INT64")], "Field m has been added"),
    ):
        settings = {**AS_THE_PROJECT_LOADS, "schema": schema, "write_disposition": "WRITE_APPEND"}
        with pytest.raises(BadRequest, match=rf"Provided Schema does not match Table {PROJECT}:listening.t.*{problem}"):
            warehouse.load("t", GOOD, **settings).result()


@pytest.mark.parametrize(
    "settings",
    [
        {"autodetect": True},
        {"ignore_unknown_values": True},
        {"null_marker": "NULL"},
        {"field_delimiter": ";"},
        {"encoding": "UTF-16"},
        {"write_disposition": "WRITE_EMPTY"},
        {"create_disposition": "CREATE_IF_NEEDED"},
    ],
)
def test_an_unused_setting_is_refused_by_name(warehouse: Warehouse, settings: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match=r"The job setting \w+=.+ is not imitated by the laptop cloud"):
        warehouse.load("t", GOOD, **{**AS_THE_PROJECT_LOADS, **settings}).result()


def parquet(warehouse: Warehouse, uri: str, select: str, directory: Path) -> None:
    """An object made of a DuckDB query."""
    path = directory / "made.parquet"
    duckdb.sql(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    warehouse.objects[uri] = path.read_bytes()


def test_parquet_files_are_loaded_by_column_name_and_an_optional_column_may_lack(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    parquet(warehouse, "gs://temp/1.parquet", "SELECT 7 AS n, 'p' AS id", tmp_path)
    parquet(warehouse, "gs://temp/2.parquet", "SELECT 'q' AS id", tmp_path)
    job = warehouse.load(
        "t",
        "gs://temp/1.parquet",
        "gs://temp/2.parquet",
        source_format="PARQUET",
        write_disposition="WRITE_TRUNCATE",
        create_disposition="CREATE_NEVER",
    )
    job.result()

    assert (job.output_rows, contents(warehouse)) == (2, [("p", 7), ("q", None)])


@pytest.mark.parametrize(
    ("select", "problem"),
    [
        ("SELECT 'p' AS id, 'x' AS n", "Parquet column 'n' has type STRING, the table has INTEGER"),
        ("SELECT 'p' AS id, 1 AS m", "No such field: m"),
        ("SELECT 1 AS n", "Required field id cannot be null"),
        ("SELECT NULL::VARCHAR AS id", "Required field id cannot be null"),
    ],
)
def test_a_parquet_file_that_does_not_fit_leaves_the_table_untouched(
    warehouse: Warehouse, tmp_path: Path, select: str, problem: str
) -> None:
    uri = "gs://temp/1.parquet"
    parquet(warehouse, uri, select, tmp_path)
    with pytest.raises(BadRequest, match=rf"Error while reading data, error message: {problem}.* File: {uri}"):
        warehouse.load("t", uri, source_format="PARQUET", write_disposition="WRITE_TRUNCATE").result()

    assert contents(warehouse) == [("old", 0)]


def test_what_is_no_parquet_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(BadRequest, match="Error while reading data, error message"):
        warehouse.load("t", GOOD, source_format="PARQUET").result()


def test_an_extracted_table_comes_back_by_a_load_value_by_value(warehouse: Warehouse) -> None:
    columns = ("id STRING REQUIRED", "f FLOAT64", "b BOOL", "at TIMESTAMP", "j JSON")
    for name in ("one", "two"):
        warehouse.create(name, *columns)
    warehouse.rows(
        "INSERT INTO one VALUES ('a', 0.1, TRUE, TIMESTAMP '2026-11-22 09:32:01.863001+00', "
        """PARSE_JSON('{"x":[1]}')), ('b', NULL, NULL, NULL, NULL)"""
    )
    settings = bigquery.ExtractJobConfig(destination_format="PARQUET")
    job = warehouse.client.extract_table("listening.one", "gs://temp/out.parquet", job_config=settings)
    job.result()
    warehouse.load("two", "gs://temp/out.parquet", source_format="PARQUET").result()

    assert job.destination_uri_file_counts == [1]
    assert contents(warehouse, "two") == contents(warehouse, "one")
    assert contents(warehouse, "two")[0][3] == datetime(2026, 11, 22, 9, 32, 1, 863_001, UTC)


def test_an_extracted_file_holds_instants_in_utc_and_json_as_text(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.create("one", "at TIMESTAMP", "j JSON")
    settings = bigquery.ExtractJobConfig(destination_format="PARQUET")
    warehouse.client.extract_table("listening.one", "gs://temp/out.parquet", job_config=settings).result()
    path = tmp_path / "out.parquet"
    path.write_bytes(warehouse.objects["gs://temp/out.parquet"])
    schema = duckdb.sql(f"SELECT name, type, converted_type, logical_type FROM parquet_schema('{path}')").fetchall()

    assert [row[:3] for row in schema[1:]] == [("at", "INT64", "TIMESTAMP_MICROS"), ("j", "BYTE_ARRAY", "UTF8")]
    assert "isAdjustedToUTC=1" in schema[1][3] or "isAdjustedToUTC=true" in schema[1][3]


@pytest.mark.parametrize(
    ("settings", "uri", "problem"),
    [
        ({"destination_format": "CSV"}, "gs://temp/out.csv", "destinationFormat=CSV is not imitated"),
        ({"destination_format": "PARQUET"}, "gs://temp/out-*.parquet", "Several destination URIs are not imitated"),
    ],
)
def test_an_extract_of_another_kind_is_refused(
    warehouse: Warehouse, settings: dict[str, str], uri: str, problem: str
) -> None:
    with pytest.raises(BadRequest, match=problem):
        warehouse.client.extract_table("listening.t", uri, job_config=bigquery.ExtractJobConfig(**settings)).result()
