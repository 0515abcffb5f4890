"""What GoogleSQL expressions are worth, written by hand from BigQuery's documentation.

Every function on the laptop BigQuery's allow-list and every syntax it knows occurs here; the same expressions are
put to Google's own evaluator in tests/contracts/test_sql_is_googlesql.py.
"""

from datetime import UTC, datetime
from typing import Any


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, micro: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)


_T = "TIMESTAMP '2026-11-22 22:30:15.250+00'"
_NUMBERS = "UNNEST([3, 1, NULL, 2, 1]) AS x"
_LETTERS = "UNNEST(['b', 'a', NULL, 'c', 'a']) AS x"

GOLDEN: list[tuple[str, Any]] = [
    # literals and names
    ("1", 1),
    ("-9223372036854775807", 1 - 2**63),
    ("1.5", 1.5),
    ("1e3", 1000.0),
    ("'it\\'s'", "it's"),
    ('"a\\nb"', "a\nb"),
    ("NULL", None),
    ("TRUE", True),
    ("TIMESTAMP '2026-11-22 10:00:00+02'", at(2026, 11, 22, 8)),
    ("TIMESTAMP '2026-11-22T10:00:00.123Z'", at(2026, 11, 22, 10, 0, 0, 123_000)),
    # operators
    ("7 - 9", -2),
    ("-(1 - 3)", 2),
    ("7 / 2", 3.5),
    ("1 = 1 AND NOT 1 != 1", True),
    ("1 < 2 OR 1 > 2", True),
    ("1 <= 1 AND 2 >= 3", False),
    ("NULL AND FALSE", False),
    ("1 = CAST(NULL AS INT64)", None),
    ("2 BETWEEN 1 AND 3", True),
    ("2 NOT BETWEEN 1 AND 3", False),
    ("2 IN (1, 2)", True),
    ("2 IN (1, NULL)", None),
    ("2 IN UNNEST([1, 2])", True),
    ("3 NOT IN UNNEST([1, 2])", True),
    ("2 IN UNNEST([1, NULL])", None),
    ("2 IN (SELECT x FROM UNNEST([1, 2]) AS x)", True),
    ("EXISTS (SELECT x FROM UNNEST([1, 2]) AS x WHERE x > 2)", False),
    ("NULL IS NULL", True),
    ("1 IS NOT NULL", True),
    ("TRUE IS TRUE", True),
    ("'abc' LIKE 'a%'", True),
    ("'abc' LIKE 'A%'", False),
    ("'a_c' LIKE 'a\\\\_c'", True),
    ("'abc' LIKE 'a\\\\_c'", False),
    ("'abc' NOT LIKE '_b_'", False),
    ("TIMESTAMP '2026-01-01 00:00:00+00' < TIMESTAMP '2026-01-01 00:00:00-01'", True),
    # conditions
    ("IF(TRUE, 1, 2)", 1),
    ("IF(NULL, 1, 2)", 2),
    ("CASE WHEN FALSE THEN 1 WHEN TRUE THEN 2 ELSE 3 END", 2),
    ("CASE 'b' WHEN 'a' THEN 1 END", None),
    ("COALESCE(NULL, NULL, 3)", 3),
    ("NULLIF(1, 1)", None),
    ("NULLIF(1, 2)", 1),
    ("LEAST('b', 'a')", "a"),
    ("LEAST(1, NULL)", None),
    # casts
    ("CAST(7 AS STRING)", "7"),
    ("CAST('2026-11-22 10:00:00+01:00' AS TIMESTAMP)", at(2026, 11, 22, 9)),
    ("CAST(NULL AS STRING)", None),
    ("CAST(NULL AS TIMESTAMP)", None),
    # numbers
    ("ABS(-3)", 3),
    ("ABS(-1.5)", 1.5),
    ("ROUND(2.25, 1)", 2.3),
    ("ROUND(-2.5, 0)", -3.0),
    # texts
    ("CONCAT('a', 'b', 'c')", "abc"),
    ("CONCAT('a', NULL)", None),
    ("LOWER('ÀB c')", "àb c"),
    ("NORMALIZE_AND_CASEFOLD('ÀSTRAẞE', NFKC)", "àstrasse"),
    ("NORMALIZE_AND_CASEFOLD('e\u0301 ﬁ Ⅱ ＡＢ', NFKC)", "\u00e9 fi ii ab"),
    ("NORMALIZE_AND_CASEFOLD('\u0390 \u03aa\u0301', NFKC)", "\u03b9\u0308\u0301 \u03ca\u0301"),  # one letter, twice
    ("NORMALIZE_AND_CASEFOLD(NULL, NFKC)", None),
    ("REGEXP_REPLACE('a-b (c)', '[^\\\\p{L}]+', '')", "abc"),
    ("REGEXP_REPLACE('Ünder 12', '\\\\d', '_')", "Ünder __"),
    ("REGEXP_REPLACE('ab', '(a)(b)', '\\\\2\\\\1')", "ba"),
    ("REGEXP_REPLACE(NULL, 'a', '')", None),
    ("REGEXP_CONTAINS('1984-05', '^([0-9]{4}(-[0-9]{2})?)$')", True),
    ("REGEXP_CONTAINS('1984-05\\n', '^([0-9]{4}(-[0-9]{2})?)$')", False),
    ("REGEXP_CONTAINS('1984-05', '84')", True),
    ("REGEXP_CONTAINS(CAST(NULL AS STRING), '84')", None),
    ("STRPOS('Mötley', 'tl')", 3),
    ("STRPOS('track', 'x')", 0),
    ("STRPOS('track', NULL)", None),
    ("SUBSTR('Ünder 12', 1, 3)", "Ünd"),
    ("SUBSTR('ab', 2, 9)", "b"),
    ("SUBSTR(NULL, 1, 3)", None),
    # JSON
    ("""PARSE_JSON('{"a": 1,  "b": [true, null, "x"]}')""", {"a": 1, "b": [True, None, "x"]}),
    ("PARSE_JSON(NULL)", None),
    ("PARSE_JSON('null')", None),
    ("""TO_JSON_STRING(PARSE_JSON('{"a": [1, "x"], "b": null}'))""", '{"a":[1,"x"],"b":null}'),
    # days and instants
    ("UNIX_DATE(DATE(TIMESTAMP '1970-01-02 23:30:00+00', 'Europe/Berlin'))", 2),
    ("UNIX_DATE(DATE(TIMESTAMP '1969-12-31 12:00:00+00', 'America/New_York'))", -1),
    (f"FORMAT_TIMESTAMP('%Y-%m-%d %H:%M %A', {_T}, 'Europe/Berlin')", "2026-11-22 23:30 Sunday"),
    (f"FORMAT_TIMESTAMP('%H', {_T}, 'Asia/Kolkata')", "04"),
    (f"TIMESTAMP_ADD({_T}, INTERVAL 86400 SECOND)", at(2026, 11, 23, 22, 30, 15, 250_000)),
    ("TIMESTAMP_DIFF(TIMESTAMP '2026-11-22 22:30:14+00', TIMESTAMP '2026-11-22 22:30:14.001999+00', MILLISECOND)", -1),
    (f"TIMESTAMP_DIFF({_T}, TIMESTAMP '2026-11-22 22:30:14+00', MILLISECOND)", 1250),
    ("UNIX_MILLIS(TIMESTAMP '2027-01-15 08:00:00.001999+00')", 1_800_000_000_001),
    # aggregates
    (f"(SELECT COUNT(*) FROM {_NUMBERS})", 5),
    (f"(SELECT COUNT(x) FROM {_NUMBERS})", 4),
    (f"(SELECT COUNT(DISTINCT x) FROM {_NUMBERS})", 3),
    (f"(SELECT COUNTIF(x = 1) FROM {_NUMBERS})", 2),
    (f"(SELECT COUNTIF(x = 9) FROM {_NUMBERS})", 0),
    (f"(SELECT SUM(x) FROM {_NUMBERS})", 7),
    (f"(SELECT AVG(x) FROM {_NUMBERS})", 1.75),
    (f"(SELECT AVG(x) FROM {_NUMBERS} WHERE x > 9)", None),
    (f"(SELECT SUM(DISTINCT x) FROM {_NUMBERS})", 6),
    (f"(SELECT SUM(x) FROM {_NUMBERS} WHERE x > 9)", None),
    (f"(SELECT MIN(x) FROM {_NUMBERS})", 1),
    (f"(SELECT MAX(x) FROM {_LETTERS})", "c"),
    (f"(SELECT STRING_AGG(x, '' ORDER BY x) FROM {_LETTERS})", "aabc"),
]

QUERIES: list[tuple[str, list[tuple[Any, ...]]]] = [
    ("WITH a AS (SELECT 1 AS x), b AS (SELECT x - 1 AS y FROM a) SELECT x, y FROM a CROSS JOIN b", [(1, 0)]),
    ("SELECT x, ROW_NUMBER() OVER (ORDER BY x DESC) FROM UNNEST([1, 3]) AS x ORDER BY x", [(1, 2), (3, 1)]),
    ("SELECT x, FIRST_VALUE(x) OVER (ORDER BY x DESC) FROM UNNEST([1, 2]) AS x ORDER BY x", [(1, 2), (2, 2)]),
    ("SELECT x, COUNT(*) OVER (PARTITION BY x) FROM UNNEST([1, 2, 1]) AS x ORDER BY x", [(1, 2), (1, 2), (2, 1)]),
    ("SELECT x, MAX(x) OVER w FROM UNNEST([1, 2]) AS x WINDOW w AS (ORDER BY x) ORDER BY x", [(1, 1), (2, 2)]),
    (
        "SELECT SUM(x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM UNNEST([1, 2, 4]) AS x "
        "ORDER BY x",
        [(1,), (3,), (6,)],
    ),
    ("SELECT x FROM UNNEST([2, NULL, 1]) AS x ORDER BY x NULLS LAST LIMIT 1", [(1,)]),
    ("SELECT x FROM UNNEST([2, NULL, 1]) AS x ORDER BY x", [(None,), (1,), (2,)]),
    ("SELECT x FROM UNNEST([2, NULL, 1]) AS x ORDER BY x DESC", [(2,), (1,), (None,)]),
    ("SELECT x, COUNT(*) AS n FROM UNNEST(['a', 'b', 'a']) AS x GROUP BY 1 ORDER BY 2 DESC", [("a", 2), ("b", 1)]),
    ("SELECT x FROM UNNEST(['a', 'b', 'a']) AS x GROUP BY x HAVING COUNT(*) > 1", [("a",)]),
    ("SELECT DISTINCT x FROM UNNEST([2, 1, 2]) AS x ORDER BY x", [(1,), (2,)]),
    (
        "SELECT x FROM UNNEST([3, 1, 2]) AS x WHERE TRUE QUALIFY ROW_NUMBER() OVER (ORDER BY x DESC) = 1",
        [(3,)],
    ),
    (
        "SELECT a.x, b.y FROM (SELECT 1 AS x UNION ALL SELECT 2) AS a LEFT JOIN (SELECT 2 AS x, 'b' AS y) AS b "
        "ON a.x = b.x ORDER BY a.x",
        [(1, None), (2, "b")],
    ),
    ("SELECT y, z FROM (SELECT 1 AS x, 2 AS y) JOIN (SELECT 1 AS x, 3 AS z) USING (x)", [(2, 3)]),
    ("SELECT * EXCEPT (b) FROM (SELECT 1 AS a, 2 AS b, 3 AS c)", [(1, 3)]),
    ("SELECT t.* FROM (SELECT 1 AS a, 2 AS b) AS t", [(1, 2)]),
    ("SELECT x FROM UNNEST([1, 2]) AS x UNION DISTINCT SELECT 2 ORDER BY 1", [(1,), (2,)]),
    ("SELECT n.a, x FROM (SELECT 7 AS a, [1, 2] AS xs) AS n, UNNEST(n.xs) AS x ORDER BY x", [(7, 1), (7, 2)]),
    ("SELECT (SELECT MAX(x) FROM UNNEST([1, 5]) AS x) AS largest", [(5,)]),
]

DML_TABLE = ("id STRING REQUIRED", "n INT64")
"""Holds ('a', 1) and ('b', 2) before each of the changes; @id is 'c'."""

DML: list[tuple[str, tuple[int, int, int], list[tuple[Any, ...]]]] = [
    # statement; rows inserted, updated, deleted; rows afterwards
    ("INSERT INTO t (id, n) VALUES (@id, 3), ('d', NULL)", (2, 0, 0), [("a", 1), ("b", 2), ("c", 3), ("d", None)]),
    ("INSERT t (n, id) SELECT n - 9, CONCAT(id, id) FROM t", (2, 0, 0), [("a", 1), ("aa", -8), ("b", 2), ("bb", -7)]),
    ("DELETE FROM t WHERE n > 1", (0, 0, 1), [("a", 1)]),
    ("DELETE FROM t WHERE id = 'x'", (0, 0, 0), [("a", 1), ("b", 2)]),
    (
        "MERGE t USING (SELECT 'a' AS id, 7 AS n UNION ALL SELECT @id, 8) AS s ON t.id = s.id "
        "WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id, s.n)",
        (1, 0, 0),
        [("a", 1), ("b", 2), ("c", 8)],
    ),
    (
        "MERGE INTO t AS old USING (SELECT 'a' AS id, 7 AS n UNION ALL SELECT @id, 8) AS s ON old.id = s.id "
        "WHEN MATCHED AND s.n > old.n THEN UPDATE SET n = s.n WHEN NOT MATCHED BY TARGET THEN INSERT ROW "
        "WHEN NOT MATCHED BY SOURCE THEN DELETE",
        (1, 1, 1),
        [("a", 7), ("c", 8)],
    ),
    ("MERGE t USING (SELECT 1) ON FALSE WHEN NOT MATCHED BY SOURCE THEN DELETE", (0, 0, 2), []),
]

REFUSED: list[tuple[str, str]] = [
    ("SELECT FARM_FINGERPRINT('x')", "The function FARM_FINGERPRINT"),
    ("SELECT UPPER('x')", "The function UPPER"),
    (f"SELECT FORMAT_TIMESTAMP('%j', {_T}, 'UTC')", "The format %j"),
    ("SELECT 1 / x FROM UNNEST([0]) AS x", "Division by anything but a number"),
    ("SELECT CURRENT_TIMESTAMP()", "The function CURRENT_TIMESTAMP"),
    ("SELECT NET.HOST('x')", "The syntax of"),
    ("SELECT SAFE.PARSE_JSON('{')", "The syntax of SafeFunc"),
    ("SELECT x, i FROM UNNEST([1]) AS x WITH OFFSET AS i", "WITH OFFSET"),
    ("SELECT * FROM UNNEST([1])", "UNNEST"),
    ("SELECT [1] AS x", "A result of type"),
    ("SELECT AS STRUCT 1 AS a", "SELECT AS STRUCT"),
    (f"SELECT {_T} - INTERVAL 1 DAY", "INTERVAL"),
    (f"SELECT TIMESTAMP_ADD({_T}, INTERVAL 1 MONTH)", "INTERVAL '1' MONTH"),
    (f"SELECT TIMESTAMP_DIFF({_T}, {_T}, MONTH)", "TIMESTAMP_DIFF in MONTH"),
    (f"SELECT EXTRACT(YEAR FROM {_T})", "The syntax of Extract"),
    ("SELECT CAST(1.5 AS STRING)", r"CAST\(DOUBLE AS STRING\)"),
    (f"SELECT CAST({_T} AS STRING)", r"CAST\(TIMESTAMP WITH TIME ZONE AS STRING\)"),
    ("SELECT CAST('1' AS INT64)", "CAST"),
    ("SELECT CAST(1 AS STRING FORMAT '9')", "CAST"),
    ("SELECT SAFE_CAST('1' AS INT64)", "The syntax of TryCast"),
    ("SELECT TO_JSON_STRING([1])", "TO_JSON_STRING of anything but JSON"),
    ("SELECT [1][0]", "The syntax of Bracket"),
    ("SELECT STRING_AGG(x, ',' LIMIT 1) FROM UNNEST(['a']) AS x", "STRING_AGG with LIMIT"),
    ("SELECT FIRST_VALUE(x IGNORE NULLS) OVER (ORDER BY x) FROM UNNEST([1]) AS x", "IgnoreNulls"),
    ("SELECT ANY_VALUE(x HAVING MAX x) FROM UNNEST([1]) AS x", "The syntax of HavingMax"),
    ("SELECT TIME '10:00:00'", "CAST"),
    ("SELECT DATE '2026-11-22'", "CAST"),
    ("SELECT 0x10", "The syntax of HexString"),
    ("SELECT b'x'", "The syntax of ByteString"),
    ("SELECT @@time_zone", "A system variable"),
    ("SELECT x FROM UNNEST([1]) AS x TABLESAMPLE SYSTEM (10 PERCENT)", "The syntax of TableSample"),
    ("FROM UNNEST([1]) AS x |> SELECT x", "The pipe syntax"),
    ("DELETE t WHERE TRUE", "DELETE without FROM"),
    ("SELECT 1; SELECT 2", "several statements"),
    ("UPDATE t SET n = 1 WHERE TRUE", "The statement UPDATE"),
    ("CREATE TABLE t (n INT64)", "The statement CREATE"),
    ("TRUNCATE TABLE t", "The statement TRUNCATE"),
    ("DECLARE x INT64", "The statement DECLARE"),
    ("CALL p()", "The statement CALL"),
]
