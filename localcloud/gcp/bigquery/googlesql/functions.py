"""The functions of GoogleSQL that the laptop BigQuery knows, each in DuckDB's words: the allow-list.

SQLGlot's own translation is silently wrong for some functions, so it is not used: every call comes here as it was
written, and a function without a line here is refused by name. The golden test holds hand-written expectations for
every line and fails when list and expectations differ.
"""

from sqlglot import exp

from localcloud.gcp.bigquery.googlesql import time_functions as time
from localcloud.gcp.bigquery.googlesql.templates import Rewrite, arguments, as_template, fill, refuse, same_as

NOW = exp.Parameter(this=exp.var("now"))
"""The parameter under which a statement is told the laptop cloud's time."""


def rewrite_call(call: exp.Anonymous) -> exp.Expr:
    """The DuckDB expression for one call of a GoogleSQL function."""
    name = call.name.upper()
    if name not in FUNCTIONS:
        raise refuse(f"The function {name}")
    return FUNCTIONS[name](call)


def _array_agg(call: exp.Anonymous) -> exp.Expr:
    """ARRAY_AGG([DISTINCT] x [IGNORE NULLS] [ORDER BY …] [LIMIT n])."""
    value, limit = _without(arguments(call, 1)[0], exp.Limit)
    value, order = _without(value, exp.Order)
    value, ignored = _without(value, exp.IgnoreNulls)
    ordered = exp.Order(this=value.copy(), expressions=order.expressions) if order else value.copy()
    aggregate: exp.Expr = exp.Anonymous(this="array_agg", expressions=[ordered])
    if ignored:
        counted = value.expressions[0] if isinstance(value, exp.Distinct) else value
        aggregate = exp.Filter(this=aggregate, expression=exp.Where(this=fill("$1 IS NOT NULL", counted)))
    return fill("list_slice($1, 1, $2)", aggregate, limit.expression) if limit else aggregate


def _string_agg(call: exp.Anonymous) -> exp.Expr:
    """STRING_AGG([DISTINCT] x [, delimiter] [ORDER BY …]); the parser hangs the order on the last argument."""
    *values, last = arguments(call, 1, 2)
    if isinstance(last, exp.Limit):
        raise refuse("STRING_AGG with LIMIT")
    last, order = _without(last, exp.Order)
    values.append(last)
    distinct = isinstance(values[0], exp.Distinct)
    if distinct:
        values = list(values[0].expressions)
    value, delimiter = values if len(values) == 2 else (values[0], exp.Literal.string(","))
    value = exp.Distinct(expressions=[value]) if distinct else value
    delimiter = exp.Order(this=delimiter, expressions=order.expressions) if order else delimiter
    return exp.Anonymous(this="string_agg", expressions=[value, delimiter])


def _without(node: exp.Expr, modifier: type[exp.Expr]) -> tuple[exp.Expr, exp.Expr | None]:
    """What a modifier modifies, and the modifier when there is one."""
    return (node.this, node) if isinstance(node, modifier) else (node, None)


def _null_if_any_is(name: str) -> Rewrite:
    """GREATEST and LEAST know nothing when one value is unknown; DuckDB's leave that one out."""

    def rewrite(call: exp.Anonymous) -> exp.Expr:
        unknown = exp.or_(*(fill("$1 IS NULL", argument) for argument in call.expressions))
        known = exp.Anonymous(this=name, expressions=call.expressions)
        return fill("CASE WHEN $1 THEN NULL ELSE $2 END", unknown, known)

    return rewrite


def _concat(call: exp.Anonymous) -> exp.Expr:
    """DuckDB's own concat leaves NULL out; GoogleSQL's is NULL as soon as one part is."""
    joined: exp.Expr = call.expressions[0]
    for part in call.expressions[1:]:
        joined = fill("$1 || $2", joined, part)
    return joined


def _normalize_and_casefold(call: exp.Anonymous) -> exp.Expr:
    """DuckDB has no such function: bigquery/warehouse.py brings it."""
    text, form = arguments(call, 2)
    if form.name.upper() != "NFKC":
        raise refuse("NORMALIZE_AND_CASEFOLD to another form than NFKC")
    return fill("nfkc_casefold($1)", text)


def _json_value(call: exp.Anonymous) -> exp.Expr:
    """The scalar at a path as text; NULL where there is an object or an array."""
    path = call.expressions[1] if len(arguments(call, 1, 2)) == 2 else exp.Literal.string("$")
    text = "CASE WHEN json_type($1, $2) IN ('OBJECT', 'ARRAY') THEN NULL ELSE json_extract_string($1, $2) END"
    return fill(text, call.expressions[0], path)


def _current_date(call: exp.Anonymous) -> exp.Expr:
    """The day in a time zone, UTC unless told."""
    zone = arguments(call, 0, 1) or [exp.Literal.string("UTC")]
    return fill("CAST(timezone($1, $2) AS DATE)", zone[0], NOW)


_SUBSTRING_START = "CASE WHEN $2 = 0 OR $2 < -length($1) THEN 1 ELSE $2 END"

FUNCTIONS: dict[str, Rewrite] = {
    # aggregates
    "ANY_VALUE": same_as("any_value", 1),
    "ARRAY_AGG": _array_agg,
    "AVG": same_as("avg", 1),
    "COUNT": same_as("count", 1),
    "COUNTIF": as_template("count(CASE WHEN $1 THEN 1 END)"),
    "LOGICAL_AND": same_as("bool_and", 1),
    "LOGICAL_OR": same_as("bool_or", 1),
    "MAX": same_as("max", 1),
    "MIN": same_as("min", 1),
    "STRING_AGG": _string_agg,
    "SUM": same_as("sum", 1),
    # windows
    "DENSE_RANK": same_as("dense_rank", 0),
    "FIRST_VALUE": same_as("first_value", 1),
    "LAG": same_as("lag", 1, 2, 3),
    "LAST_VALUE": same_as("last_value", 1),
    "LEAD": same_as("lead", 1, 2, 3),
    "RANK": same_as("rank", 0),
    "ROW_NUMBER": same_as("row_number", 0),
    # conditions
    "COALESCE": lambda call: exp.Anonymous(this="coalesce", expressions=call.expressions),
    "GREATEST": _null_if_any_is("greatest"),
    "IFNULL": same_as("coalesce", 2),
    "LEAST": _null_if_any_is("least"),
    "NULLIF": same_as("nullif", 2),
    # numbers
    "ABS": same_as("abs", 1),
    "CEIL": as_template("ceil(CAST($1 AS DOUBLE))"),
    "DIV": as_template("$1 // $2"),
    "FLOOR": as_template("floor(CAST($1 AS DOUBLE))"),
    "MOD": as_template("$1 % $2"),
    "ROUND": as_template("round(CAST($1 AS DOUBLE))", "round(CAST($1 AS DOUBLE), CAST($2 AS INTEGER))"),
    "SAFE_DIVIDE": as_template("CASE WHEN $2 <> 0 THEN CAST($1 AS DOUBLE) / $2 END"),
    # texts
    "CONCAT": _concat,
    "LENGTH": same_as("length", 1),
    "LOWER": same_as("lower", 1),
    "NORMALIZE_AND_CASEFOLD": _normalize_and_casefold,
    "REGEXP_CONTAINS": same_as("regexp_matches", 2),
    "REGEXP_REPLACE": as_template("regexp_replace($1, $2, $3, 'g')"),
    "STARTS_WITH": same_as("starts_with", 2),
    "STRPOS": same_as("strpos", 2),
    "SUBSTR": as_template(f"substring($1, {_SUBSTRING_START})", f"substring($1, {_SUBSTRING_START}, $3)"),
    # arrays
    "ARRAY_LENGTH": same_as("len", 1),
    # JSON
    "JSON_VALUE": _json_value,
    "PARSE_JSON": same_as("json", 1),
    "TO_JSON_STRING": as_template(
        "CASE typeof($1) WHEN 'JSON' THEN coalesce(CAST($1 AS VARCHAR), 'null') "
        "ELSE error('TO_JSON_STRING of anything but JSON is not imitated by the laptop cloud') END"
    ),
    # instants and dates
    "CURRENT_DATE": _current_date,
    "CURRENT_TIMESTAMP": lambda call: NOW.copy(),
    "DATE": as_template("CAST($1 AS DATE)", "CAST(timezone($2, $1) AS DATE)", "make_date($1, $2, $3)"),
    "DATE_ADD": time.move_date("+"),
    "DATE_DIFF": time.date_difference,
    "DATE_SUB": time.move_date("-"),
    "DATE_TRUNC": time.truncate_date,
    "FORMAT_DATE": time.format_date,
    "FORMAT_TIMESTAMP": time.format_timestamp,
    "TIMESTAMP": as_template("CAST($1 AS TIMESTAMPTZ)", "timezone($2, CAST($1 AS TIMESTAMP))"),
    "TIMESTAMP_ADD": time.move_timestamp("+"),
    "TIMESTAMP_DIFF": time.timestamp_difference,
    "TIMESTAMP_MICROS": as_template("make_timestamptz($1)"),
    "TIMESTAMP_MILLIS": as_template("make_timestamptz($1 * 1000)"),
    "TIMESTAMP_SECONDS": as_template("make_timestamptz($1 * 1000000)"),
    "TIMESTAMP_SUB": time.move_timestamp("-"),
    "TIMESTAMP_TRUNC": time.truncate_timestamp,
    "UNIX_MICROS": same_as("epoch_us", 1),
    "UNIX_MILLIS": as_template("epoch_us(date_trunc('MILLISECOND', $1)) // 1000"),
    "UNIX_SECONDS": as_template("epoch_us(date_trunc('SECOND', $1)) // 1000000"),
}
