"""A statement is translated once for all names its tables can have, and is what it would be by itself."""

import re

import pytest

from localcloud.gcp.bigquery.googlesql.translate import Context, TableId, _translate, translate
from localcloud.web import ApiError
from tests.localcloud.gcp.bigquery.warehouse import PROJECT

CONTEXT = Context(PROJECT, "listening")
A, B = TableId("some-project", "listening", "a"), TableId("some-project", "listening", "b")
STATEMENTS = [
    "SELECT n FROM `some-project.listening.a`",
    "SELECT x.n FROM `some-project.listening.a` AS x JOIN `some-project.listening.b` AS y ON x.n = y.n",
    "SELECT x.n FROM `some-project.listening.b` AS x JOIN `some-project.listening.b` AS y ON x.n = y.n",
    "WITH a AS (SELECT n FROM `some-project.listening.a`) SELECT n FROM a, t",
    "SELECT a.n FROM `some-project.listening.a`",
    "SELECT '`some-project.listening.a`' AS name FROM `some-project.listening.b`",
    r"SELECT 'it\'s `some-project.listening.a`' AS name FROM `some-project.listening.b`",
    'SELECT """a "quoted" `some-project.listening.a`""" AS name FROM `some-project.listening.b`',
    "SELECT n -- don't look at `some-project.listening.a`\nFROM `some-project.listening.b`",
    "SELECT n /* nor at `some-project.listening.a` '*/ FROM `some-project.listening.b`",
    "DELETE FROM `some-project.listening.a` WHERE n IN (SELECT n FROM `some-project.listening.b`)",
    "MERGE `some-project.listening.a` AS x USING `some-project.listening.b` AS y ON x.n = y.n "
    "WHEN NOT MATCHED THEN INSERT (n) VALUES (y.n)",
]


@pytest.mark.parametrize("sql", STATEMENTS)
def test_a_statement_means_what_it_means_by_itself(sql: str) -> None:
    assert translate(sql, CONTEXT) == _translate(sql, CONTEXT)


def test_statements_that_differ_in_names_are_translated_once() -> None:
    sql = "SELECT COUNT(*) AS known_by_no_other_test FROM `some-project.listening.{}`"
    first = translate(sql.format("a"), CONTEXT)
    before = _translate.cache_info().misses
    second = translate(sql.format("b"), CONTEXT)
    assert _translate.cache_info().misses == before
    assert (first.tables, second.tables) == ((A,), (B,))
    assert second.sql == first.sql.replace('"a"', '"b"')


def test_a_refusal_is_the_same_as_by_itself() -> None:
    sql = "SELECT n FROM `some-project.listening.a` TABLESAMPLE SYSTEM (1 PERCENT)"
    with pytest.raises(ApiError) as by_itself:
        _translate(sql, CONTEXT)
    with pytest.raises(ApiError, match=re.escape(by_itself.value.message)):
        translate(sql, CONTEXT)
