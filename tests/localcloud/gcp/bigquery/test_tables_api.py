"""Datasets and tables: metadata are returned as given, rows and bytes are counted, all of it outlives a restart."""

import resource
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import duckdb
import pytest
from google.api_core.exceptions import BadRequest, Conflict, MethodNotImplemented, NotFound
from google.cloud import bigquery

from tests.localcloud.gcp.bigquery.warehouse import LOCATION, NOON, PROJECT, Warehouse, running_warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with running_warehouse(tmp_path) as warehouse:
        yield warehouse


def test_a_dataset_can_be_made_once_and_lies_where_it_was_put(warehouse: Warehouse) -> None:
    dataset = bigquery.Dataset(f"{PROJECT}.other")
    dataset.location = LOCATION
    created = warehouse.client.create_dataset(dataset)

    assert (created.dataset_id, created.location, created.created) == ("other", LOCATION, NOON)
    with pytest.raises(Conflict, match=f"Already Exists: Dataset {PROJECT}:listening"):
        warehouse.client.create_dataset("listening")
    with pytest.raises(NotFound, match=f"Not found: Dataset {PROJECT}:nowhere"):
        list(warehouse.client.list_tables("nowhere"))


def test_a_table_shows_everything_that_was_set_also_after_a_restart(tmp_path: Path) -> None:
    with running_warehouse(tmp_path) as warehouse:
        created = _make_plays(warehouse)
    with running_warehouse(tmp_path) as warehouse:
        table = warehouse.client.get_table("listening.plays")

    assert table.to_api_repr() == created.to_api_repr()
    assert [(field.name, field.field_type, field.mode, field.description) for field in table.schema] == [
        ("listener_id", "STRING", "REQUIRED", "Whose."),
        ("played_at", "TIMESTAMP", "REQUIRED", None),
        ("plays", "INTEGER", "NULLABLE", None),
        ("tags", "STRING", "NULLABLE", None),
    ]
    assert (table.description, table.labels, table.location) == ("All plays.", {"app": "x"}, LOCATION)
    assert table.time_partitioning == bigquery.TimePartitioning(type_="DAY", field="played_at")
    assert table.clustering_fields == ["listener_id"]
    assert (table.created, table.modified, table.expires) == (NOON, NOON, NOON + timedelta(days=400))
    assert (table.num_rows, table.num_bytes, table.table_type) == (0, 0, "TABLE")


def _make_plays(warehouse: Warehouse) -> bigquery.Table:
    table = bigquery.Table(
        f"{PROJECT}.listening.plays",
        schema=[
            bigquery.SchemaField("listener_id", "STRING", "REQUIRED", description="Whose."),
            bigquery.SchemaField("played_at", "TIMESTAMP", "REQUIRED"),
            bigquery.SchemaField("plays", "INT64"),
            bigquery.SchemaField("tags", "STRING"),
        ],
    )
    table.description, table.labels = "All plays.", {"app": "x"}
    table.time_partitioning = bigquery.TimePartitioning(type_="DAY", field="played_at")
    table.clustering_fields = ["listener_id"]
    table.expires = NOON + timedelta(days=400)
    return warehouse.client.create_table(table)


def test_a_view_has_the_rows_under_it_also_after_a_restart_and_bills_what_it_reads_of_them(tmp_path: Path) -> None:
    with running_warehouse(tmp_path) as warehouse:
        warehouse.create("t", "id STRING", "n INT64", "more STRING")
        view = bigquery.Table(f"{PROJECT}.listening.v")
        view.view_query = f"SELECT id, n - 1 AS less, more FROM `{PROJECT}.listening.t` WHERE n > 1"
        made = warehouse.client.create_table(view)
        warehouse.service.scrub()  # the file is written anew
        warehouse.rows("INSERT INTO t (id, n, more) VALUES ('a', 1, 'x'), ('bb', 2, 'yyy')")
    with running_warehouse(tmp_path) as warehouse:
        found = warehouse.client.get_table("listening.v")
        assert warehouse.rows("SELECT * FROM v") == [("bb", 1, "yyy")]
        jobs = [warehouse.start(f"SELECT {what} FROM v") for what in ("id", "less", "*")]
        assert [job.result().total_bytes_processed for job in jobs] == [2 + 2 + 3 + 16, 16, 2 + 2 + 3 + 16 + 2 + 2 + 4]
        warehouse.client.delete_table("listening.v")
        with pytest.raises(NotFound):
            warehouse.rows("SELECT * FROM v")
    assert found.to_api_repr() == made.to_api_repr()
    assert (found.table_type, found.view_query) == ("VIEW", view.view_query)
    assert [(column.name, column.field_type) for column in found.schema] == [
        ("id", "STRING"),
        ("less", "INTEGER"),
        ("more", "STRING"),
    ]


@pytest.mark.parametrize("characters", [1, 200_000], ids=["at the end", "while rows are written"])
def test_a_file_that_a_full_disk_did_not_let_be_written_anew_is_written_when_there_is_room(
    tmp_path: Path, characters: int
) -> None:
    with running_warehouse(tmp_path) as warehouse:
        warehouse.create("t", "id STRING")
        warehouse.rows(f"INSERT INTO t (id) VALUES ('{'a' * characters}')")
        warehouse.service.scrub()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # room for the head of the file, and not for rows
        try:
            with pytest.raises(duckdb.Error, match="Could not write file"):
                warehouse.service.scrub()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        left = [path.name for path in tmp_path.glob("fresh*")]
        warehouse.service.scrub()
        rows = warehouse.rows("SELECT id FROM t")
    assert (left, rows) == ([], [("a" * characters,)])


def test_a_table_can_be_made_once_and_only_in_a_dataset(warehouse: Warehouse) -> None:
    table = warehouse.create("t", "id STRING")

    with pytest.raises(Conflict, match=f"Already Exists: Table {PROJECT}:listening.t"):
        warehouse.client.create_table(table)
    assert warehouse.client.create_table(table, exists_ok=True).table_id == "t"
    with pytest.raises(NotFound, match=f"Not found: Dataset {PROJECT}:nowhere"):
        warehouse.client.create_table(bigquery.Table(f"{PROJECT}.nowhere.t"))


def test_an_unused_type_is_refused_by_name(warehouse: Warehouse) -> None:
    with pytest.raises(BadRequest, match="The type GEOGRAPHY is not imitated"):
        warehouse.create("t", "place GEOGRAPHY")
    with pytest.raises(BadRequest, match="The column tags is an array or a record"):
        warehouse.client.create_table(
            bigquery.Table(f"{PROJECT}.listening.t", [bigquery.SchemaField("tags", "STRING", "REPEATED")])
        )


def test_tables_are_listed_until_they_are_deleted(warehouse: Warehouse) -> None:
    for name in ("b", "a"):
        warehouse.create(name, "id STRING")
    assert [table.table_id for table in warehouse.client.list_tables("listening")] == ["a", "b"]

    warehouse.client.delete_table("listening.a")

    assert [table.table_id for table in warehouse.client.list_tables("listening")] == ["b"]
    with pytest.raises(NotFound, match=f"Not found: Table {PROJECT}:listening.a"):
        warehouse.client.get_table("listening.a")
    with pytest.raises(NotFound, match=f"Not found: Table {PROJECT}:listening.a"):
        warehouse.client.delete_table("listening.a")


def test_a_table_whose_time_has_come_is_gone_and_its_name_is_free(warehouse: Warehouse) -> None:
    warehouse.create("staging", "id STRING", expires=NOON + timedelta(hours=1))
    warehouse.rows("INSERT INTO staging (id) VALUES ('a')")
    warehouse.clock.set(NOON + timedelta(minutes=59))
    assert warehouse.rows("SELECT id FROM staging") == [("a",)]

    warehouse.clock.set(NOON + timedelta(hours=1))

    assert list(warehouse.client.list_tables("listening")) == []
    for ask in (
        lambda: warehouse.client.get_table("listening.staging"),
        lambda: warehouse.rows("SELECT 1 FROM staging"),
    ):
        with pytest.raises(NotFound, match=f"Not found: Table {PROJECT}:listening.staging"):
            ask()
    warehouse.create("staging", "id STRING")
    assert warehouse.rows("SELECT id FROM staging") == []


def test_a_dataset_says_when_its_tables_expire_and_a_table_says_it_better(warehouse: Warehouse) -> None:
    dataset = bigquery.Dataset(f"{PROJECT}.passing")
    dataset.location, dataset.default_table_expiration_ms = LOCATION, 3_600_000
    warehouse.client.create_dataset(dataset)
    for name, expires in (("by_default", None), ("sooner", NOON + timedelta(minutes=1))):
        table = bigquery.Table(f"{PROJECT}.passing.{name}", schema=[bigquery.SchemaField("id", "STRING")])
        table.expires = expires
        warehouse.client.create_table(table)

    truncating = bigquery.LoadJobConfig(
        source_format="CSV", schema=table.schema, write_disposition="WRITE_TRUNCATE", create_disposition="CREATE_NEVER"
    )
    rows = BytesIO(b"a\n")
    warehouse.client.load_table_from_file(rows, "passing.by_default", size=2, job_config=truncating).result()

    found = {table.table_id: table.expires for table in warehouse.client.list_tables("passing")}
    assert found == {"by_default": NOON + timedelta(hours=1), "sooner": NOON + timedelta(minutes=1)}


def test_the_time_of_modification_moves_with_the_data_and_with_nothing_else(warehouse: Warehouse) -> None:
    warehouse.create("t", "id STRING")
    merge = "MERGE t USING (SELECT 'a' AS id) AS s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)"
    moments = []
    for hour, sql in enumerate(
        ["SELECT id FROM t", merge, merge, "DELETE FROM t WHERE id = 'x'", "DELETE FROM t WHERE TRUE"]
    ):
        warehouse.clock.set(NOON + timedelta(hours=hour))
        warehouse.rows(sql)
        moments.append(warehouse.client.get_table("listening.t").modified - NOON)

    assert moments == [timedelta(hours=hour) for hour in (0, 1, 1, 1, 4)]


def test_two_changes_in_one_millisecond_leave_two_times_of_modification(warehouse: Warehouse) -> None:
    warehouse.create("t", "id STRING")
    seen = set()
    for _ in range(3):
        warehouse.rows("INSERT INTO t (id) VALUES ('a')")
        seen.add(warehouse.client.get_table("listening.t").modified)

    assert seen == {NOON + timedelta(milliseconds=ms) for ms in (1, 2, 3)}


def test_rows_and_bytes_are_counted_as_bigquery_counts_them(warehouse: Warehouse) -> None:
    warehouse.create("t", "s STRING", "i INT64", "f FLOAT64", "b BOOL", "t TIMESTAMP", "j JSON")
    values = "'Mötley', 1, 0.5, TRUE, TIMESTAMP '2026-11-22 00:00:00+00', PARSE_JSON('{}')"
    warehouse.rows(f"INSERT INTO t VALUES ({values}), ({', '.join(['NULL'] * 6)})")
    table = warehouse.client.get_table("listening.t")

    # A text is two bytes and its UTF-8, a number or an instant eight, a truth one, NULL nothing.
    assert (table.num_rows, table.num_bytes) == (2, (2 + 7) + 8 + 8 + 1 + 8 + (2 + 2))


def test_a_required_column_takes_no_null(warehouse: Warehouse) -> None:
    warehouse.create("t", "id STRING REQUIRED", "n INT64")
    for sql in (
        "INSERT INTO t (n) VALUES (1)",
        "INSERT INTO t (id, n) VALUES ('a', 1), (NULL, 2)",
        "MERGE t USING (SELECT CAST(NULL AS STRING) AS x) ON FALSE WHEN NOT MATCHED THEN INSERT (id) VALUES (x)",
    ):
        with pytest.raises(BadRequest, match="Required field id cannot be null"):
            warehouse.rows(sql)

    assert warehouse.rows("SELECT id, n FROM t") == []


def test_rows_are_listed_in_pages_in_the_order_they_came(warehouse: Warehouse) -> None:
    warehouse.create("t", "n INT64", "s STRING")
    warehouse.rows("INSERT INTO t (n, s) VALUES " + ", ".join(f"({n}, 's{n}')" for n in range(25)))
    table = warehouse.client.get_table("listening.t")
    listed = warehouse.client.list_rows(table, page_size=10)
    pages = [[row.values() for row in page] for page in listed.pages]

    assert pages == [[(n, f"s{n}") for n in range(start, min(start + 10, 25))] for start in (0, 10, 20)]
    assert listed.total_rows == 25
    with pytest.raises(MethodNotImplemented, match="lists whole rows"):
        list(warehouse.client.list_rows(table, start_index=23, retry=None))
