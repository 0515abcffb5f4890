"""The allow-list is as long as what was proved: every function and every syntax has a value written by hand."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core.exceptions import BadRequest
from sqlglot import exp

from localcloud.gcp.bigquery.googlesql.functions import FUNCTIONS, KNOWN_SYNTAX
from localcloud.gcp.bigquery.googlesql.translate import GoogleSQL
from tests.localcloud.gcp.bigquery.golden import DML, DML_TABLE, GOLDEN, QUERIES, REFUSED
from tests.localcloud.gcp.bigquery.warehouse import PROJECT, Warehouse, running_warehouse, string


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with running_warehouse(tmp_path_factory.mktemp("warehouse")) as warehouse:
        yield warehouse


@pytest.mark.parametrize(("expression", "expected"), GOLDEN, ids=lambda value: str(value)[:60])
def test_an_expression_is_worth_what_bigquery_documents(warehouse: Warehouse, expression: str, expected: Any) -> None:
    value = warehouse.value(expression)

    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(("sql", "expected"), QUERIES, ids=lambda value: str(value)[:60])
def test_a_query_has_the_rows_that_bigquery_documents(
    warehouse: Warehouse, sql: str, expected: list[tuple[Any, ...]]
) -> None:
    assert warehouse.rows(sql) == expected


@pytest.mark.parametrize(("sql", "counts", "expected"), DML, ids=lambda value: str(value)[:60])
def test_a_change_counts_and_leaves_the_rows_that_bigquery_documents(
    warehouse: Warehouse, sql: str, counts: tuple[int, int, int], expected: list[tuple[Any, ...]]
) -> None:
    warehouse.client.delete_table(f"{PROJECT}.listening.t", not_found_ok=True)
    warehouse.create("t", *DML_TABLE)
    warehouse.rows("INSERT INTO t (id, n) VALUES ('a', 1), ('b', 2)")
    job = warehouse.start(sql, string("id", "c"))
    job.result()
    stats = job.dml_stats

    assert stats is not None
    assert (stats.inserted_row_count, stats.updated_row_count, stats.deleted_row_count) == counts
    assert job.num_dml_affected_rows == sum(counts)
    assert warehouse.rows("SELECT id, n FROM t ORDER BY id, n") == expected


@pytest.mark.parametrize(("sql", "name"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_was_not_proved_is_refused_by_name(warehouse: Warehouse, sql: str, name: str) -> None:
    with pytest.raises(BadRequest, match=rf"{name}.* is not imitated by the laptop cloud"):
        warehouse.rows(sql)


def test_every_function_on_the_allow_list_has_a_golden_value_and_no_other() -> None:
    called = {call.name.upper() for node in _golden_trees() for call in node.find_all(exp.Anonymous)}

    assert called == FUNCTIONS.keys()


def test_every_syntax_on_the_allow_list_has_a_golden_value_and_no_other() -> None:
    assert {type(node) for tree in _golden_trees() for node in tree.walk()} == KNOWN_SYNTAX


def _golden_trees() -> Iterator[exp.Expr]:
    statements = [f"SELECT {expression} AS value" for expression, _ in GOLDEN]
    statements += [sql for sql, _ in QUERIES] + [sql for sql, _, _ in DML]
    for statement in statements:
        (tree,) = GoogleSQL().parse(statement)
        assert tree is not None
        yield tree
