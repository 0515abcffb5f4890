"""Queries: parameters, results, counts and errors as Google's client knows them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.api_core.exceptions import BadRequest, GoogleAPICallError, NotFound
from google.cloud import bigquery

from tests.localcloud.gcp.bigquery.warehouse import PROJECT, Warehouse, integer, running_warehouse, string, timestamp

Scalar, Array, Struct = bigquery.ScalarQueryParameter, bigquery.ArrayQueryParameter, bigquery.StructQueryParameter
INSTANT = datetime(2026, 11, 22, 9, 32, 1, 863_001, tzinfo=UTC)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with running_warehouse(tmp_path_factory.mktemp("warehouse")) as warehouse:
        warehouse.create("t", "id STRING", "n INT64")
        warehouse.rows("INSERT INTO t (id, n) VALUES " + ", ".join(f"('id{n}', {n})" for n in range(25)))
        yield warehouse


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("STRING", "Zoë's “song”; -- \\ \n"),
        ("STRING", ""),
        ("STRING", None),
        ("INT64", -(2**63)),
        ("FLOAT64", 0.1),
        ("FLOAT64", float("inf")),
        ("BOOL", True),
        ("BOOL", False),
        ("BOOL", None),
        ("TIMESTAMP", INSTANT),
        ("TIMESTAMP", datetime(1, 1, 1, tzinfo=UTC)),
        ("TIMESTAMP", None),
        ("JSON", {"a": [1, None, "x"]}),
    ],
)
def test_a_parameter_comes_back_as_it_went_in(warehouse: Warehouse, kind: str, value: object) -> None:
    found = warehouse.value("@p", Scalar("p", kind, value))

    assert found == value
    assert type(found) is type(value)


def test_arrays_and_structs_are_parameters_too(warehouse: Warehouse) -> None:
    rows = [Struct(None, string("id", name), timestamp("at", at)) for name, at in (("a", INSTANT), ("b", None))]
    sql = "SELECT r.id, r.at, r.id IN UNNEST(@wanted) FROM UNNEST(@rows) AS r ORDER BY r.id"
    found = warehouse.rows(
        sql,
        Array("rows", "STRUCT", rows),
        Array("wanted", "STRING", ["b", "c"]),
    )

    assert found == [("a", INSTANT, False), ("b", None, True)]
    assert warehouse.value("(SELECT COUNT(*) FROM UNNEST(@none))", Array("none", "TIMESTAMP", [])) == 0


def test_parameters_are_named_in_any_case_and_one_that_lacks_is_named(warehouse: Warehouse) -> None:
    assert warehouse.value("CONCAT(@Now, @NOW)", string("now", "x")) == "xx"
    with pytest.raises(BadRequest, match="Query parameter 'missing' not found"):
        warehouse.value("@missing")


def test_a_result_has_bigquerys_names_and_types(warehouse: Warehouse) -> None:
    sql = """SELECT 1, 'a' AS s, 0.5, TRUE AS b, TIMESTAMP '2026-11-22 10:00:00+00' AS t, PARSE_JSON('{}') AS j,
      NULL AS n, SUM(1) AS total, COUNT(*)"""
    schema = warehouse.client.query_and_wait(sql).schema

    assert [(field.name, field.field_type, field.mode) for field in schema] == [
        ("f0_", "INTEGER", "NULLABLE"),
        ("s", "STRING", "NULLABLE"),
        ("f1_", "FLOAT", "NULLABLE"),
        ("b", "BOOLEAN", "NULLABLE"),
        ("t", "TIMESTAMP", "NULLABLE"),
        ("j", "JSON", "NULLABLE"),
        ("n", "INTEGER", "NULLABLE"),
        ("total", "INTEGER", "NULLABLE"),
        ("f2_", "INTEGER", "NULLABLE"),
    ]


@pytest.mark.parametrize("by_job", [True, False], ids=["jobs.insert", "jobs.query"])
def test_a_long_result_comes_in_pages(warehouse: Warehouse, by_job: bool) -> None:
    sql = f"SELECT n FROM {PROJECT}.listening.t ORDER BY n"
    if by_job:
        result = warehouse.client.query(sql).result(page_size=10)
    else:
        result = warehouse.client.query_and_wait(sql, page_size=10)
    pages = [[row.n for row in page] for page in result.pages]

    assert pages == [[*range(10)], [*range(10, 20)], [*range(20, 25)]]
    assert result.total_rows == 25


def test_rows_that_are_kept_no_longer_are_not_taken_for_none(warehouse: Warehouse) -> None:
    job = warehouse.client.query("SELECT 1 AS n")
    assert [row.n for row in job.result()] == [1]
    for _ in range(200):
        warehouse.value("1")

    with pytest.raises(NotFound, match="kept no longer"):
        warehouse.client.get_job(job.job_id, location=job.location).result()


def test_the_first_select_of_a_union_names_the_columns(warehouse: Warehouse) -> None:
    rows = warehouse.client.query_and_wait("SELECT 1, 2 AS b UNION ALL SELECT 3, 4 UNION ALL SELECT 5 AS x, 6")

    assert [field.name for field in rows.schema] == ["f0_", "b"]


def test_tables_are_named_in_every_way_that_bigquery_allows(warehouse: Warehouse) -> None:
    names = ["t", "listening.t", "`listening.t`", f"`{PROJECT}.listening.t`", f"`{PROJECT}`.listening.t"]

    assert [warehouse.value(f"(SELECT COUNT(*) FROM {name})") for name in names] == [25] * len(names)
    with pytest.raises(BadRequest, match='Table "t" must be qualified with a dataset'):
        warehouse.client.query_and_wait("SELECT n FROM t")
    with pytest.raises(NotFound, match="Not found: Dataset other:listening"):
        warehouse.rows("SELECT n FROM other.listening.t")


def test_a_common_table_hides_a_table_of_the_same_name(warehouse: Warehouse) -> None:
    assert warehouse.rows("WITH t AS (SELECT 1 AS n) SELECT n FROM t") == [(1,)]


@pytest.mark.parametrize(
    ("sql", "error", "message"),
    [
        ("SELECT nothing FROM t", BadRequest, "Unrecognized name: nothing"),
        ("SELECT t.nothing FROM t", BadRequest, "Name nothing not found"),
        ("SELECT u.n FROM t", BadRequest, "Unrecognized name: u"),
        ("INSERT INTO t (nothing) VALUES (1)", BadRequest, "Column nothing is not present in table"),
        ("SELECT n FROM none", NotFound, f"Not found: Table {PROJECT}:listening.none"),
        ("SELECT n FROM nowhere.t", NotFound, f"Not found: Dataset {PROJECT}:nowhere"),
        ("SELECT n FROM t WHERE", BadRequest, "Syntax error"),
        ("SELECT 'open", BadRequest, "Syntax error"),
        ("DELETE FROM t", BadRequest, "DELETE without WHERE is not imitated"),
        ("SELECT PARSE_JSON(id) FROM t", BadRequest, "Invalid input to PARSE_JSON: malformed JSON"),
        ("SELECT CAST('soon' AS TIMESTAMP)", BadRequest, "soon"),
        ("SELECT LOWER('a', 'b')", BadRequest, "No matching signature for function LOWER"),
    ],
)
@pytest.mark.parametrize("by_job", [True, False], ids=["jobs.insert", "jobs.query"])
def test_an_error_is_raised_where_the_rows_are_read(
    warehouse: Warehouse, sql: str, error: type[GoogleAPICallError], message: str, by_job: bool
) -> None:
    with pytest.raises(error, match=message):
        warehouse.start(sql).result() if by_job else warehouse.rows(sql)


def test_a_merge_that_meets_one_row_twice_is_refused_whole(warehouse: Warehouse) -> None:
    sql = """MERGE t USING (SELECT 'id1' AS id, 100 AS n UNION ALL SELECT 'id1', 101) AS s ON t.id = s.id
      WHEN MATCHED THEN UPDATE SET n = s.n"""

    with pytest.raises(BadRequest, match="UPDATE/MERGE must match at most one source row for each target row"):
        warehouse.rows(sql)
    assert warehouse.rows("SELECT n FROM t WHERE id = 'id1'") == [(1,)]


def test_a_change_of_more_than_4000_days_is_refused_whole(warehouse: Warehouse) -> None:
    """Of a table with a partition for each day; the days count that change, and not the rows."""
    warehouse.create(
        "days", "at TIMESTAMP", "n INT64", time_partitioning=bigquery.TimePartitioning(type_="DAY", field="at")
    )
    first = datetime(2010, 1, 1, tzinfo=UTC)
    days = Array("days", "TIMESTAMP", [first + timedelta(days=n) for n in range(4001)])
    inserted = "INSERT INTO days (at, n) SELECT at, 1 FROM UNNEST(@days) AS at"
    refused = "Too many partitions produced by query, allowed 4000, query modifies at least 4001 partitions"
    with pytest.raises(BadRequest, match=refused) as error:
        warehouse.rows(inserted, days)
    assert error.value.errors[0]["reason"] == "invalidQuery"
    assert warehouse.value("(SELECT COUNT(*) FROM days)") == 0

    last = timestamp("last", first + timedelta(days=4000))
    for until, number in ((" WHERE at < @last", 4000), (" WHERE at >= @last", 1), (" WHERE at >= @last", 1)):
        assert warehouse.start(inserted + until, days, last).result().num_dml_affected_rows == number
    for changed in (
        "DELETE FROM days WHERE n = 1",
        "MERGE days USING (SELECT 1 AS n) AS s ON days.n = s.n WHEN MATCHED THEN UPDATE SET n = 2",
    ):
        with pytest.raises(BadRequest, match=refused):
            warehouse.rows(changed)
    assert warehouse.start("DELETE FROM days WHERE at != @last", last).result().num_dml_affected_rows == 4000
    assert warehouse.rows("SELECT at, n FROM days") == [(last.value, 1), (last.value, 1)]


def test_a_query_that_would_cost_more_than_allowed_is_refused(warehouse: Warehouse) -> None:
    smallest_bill = 10 * 1024 * 1024
    sql = f"SELECT n FROM {PROJECT}.listening.t LIMIT 1"

    with pytest.raises(BadRequest, match=f"Query exceeded limit for bytes billed: 1000. {smallest_bill} or higher"):
        warehouse.client.query_and_wait(sql, job_config=bigquery.QueryJobConfig(maximum_bytes_billed=1000))
    allowed = bigquery.QueryJobConfig(maximum_bytes_billed=smallest_bill)
    assert warehouse.client.query_and_wait(sql, job_config=allowed).total_rows == 1


def test_legacy_sql_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(BadRequest, match="Legacy SQL is not imitated"):
        warehouse.client.query_and_wait("SELECT 1", job_config=bigquery.QueryJobConfig(use_legacy_sql=True))


def test_every_statement_that_came_in_can_be_looked_at(tmp_path: Path) -> None:
    with running_warehouse(tmp_path) as warehouse:
        parameters = (
            Array("rows", "STRUCT", [Struct(None, string("id", "a"), timestamp("at", None))]),
            integer("n", 1),
        )
        warehouse.value("@n - (SELECT COUNT(*) FROM UNNEST(@rows))", *parameters)
        warehouse.value("@n - (SELECT COUNT(*) FROM UNNEST(@rows))", *parameters)
        with pytest.raises(BadRequest):
            warehouse.start("SELECT nothing").result()

    sql = "SELECT @n - (SELECT COUNT(*) FROM UNNEST(@rows)) AS value"
    assert list(warehouse.service.statements) == [sql, "SELECT nothing"]
