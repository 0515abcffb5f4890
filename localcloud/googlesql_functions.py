"""The functions of GoogleSQL that the laptop BigQuery knows, each in DuckDB's words: the allow-list.

SQLGlot's own translation is silently wrong for some functions, so it is not used: every call comes here as it was
written, and a function without a line here is refused by name. The golden test holds a hand-written expectation for
every line and fails when list and expectations differ.
"""

from sqlglot import exp

from localcloud import googlesql_time
from localcloud.googlesql_template import Rewrite, as_template, fill, no_signature, refuse, same_as

NOW = exp.Parameter(this=exp.var("now"))
"""The parameter under which a statement is told the laptop cloud's time."""
_WHOLE_FLOAT = r"\.0$"


def rewrite_call(call: exp.Anonymous) -> exp.Expression:
    """The DuckDB expression for one call of a GoogleSQL function."""
    name = call.name.upper()
    if name not in FUNCTIONS:
        raise refuse(f"The function {name}")
    return FUNCTIONS[name](call)


def divide(division: exp.Div) -> exp.Expression:
    """The operator /, which DuckDB answers with infinity where GoogleSQL has an error."""
    checked = "CASE WHEN $2 = 0 THEN error('division by zero') ELSE CAST($1 AS DOUBLE) / $2 END"
    return fill(checked, division.this, division.expression)


def cast(node: exp.Cast) -> exp.Expression:
    """CAST and SAFE_CAST where DuckDB rounds, accepts or writes otherwise than GoogleSQL."""
    if node.to.is_type(exp.DType.TEXT) and not isinstance(node.this, exp.Literal):
        text = f"CASE typeof($1) WHEN 'DOUBLE' THEN regexp_replace(CAST($1 AS VARCHAR), '{_WHOLE_FLOAT}', '') ELSE CAST($1 AS VARCHAR) END"
        return fill(text, node.this)
    return node


def _array_agg(call: exp.Anonymous) -> exp.Expression:
    """ARRAY_AGG([DISTINCT] x [IGNORE NULLS] [ORDER BY …] [LIMIT n])."""
    value, limit = _without(_only_argument(call), exp.Limit)
    value, order = _without(value, exp.Order)
    value, ignored = _without(value, exp.IgnoreNulls)
    ordered = exp.Order(this=value.copy(), expressions=order.expressions) if order else value.copy()
    aggregate: exp.Expression = exp.Anonymous(this="array_agg", expressions=[ordered])
    if ignored:
        counted = value.expressions[0] if isinstance(value, exp.Distinct) else value
        aggregate = exp.Filter(this=aggregate, expression=exp.Where(this=fill("$1 IS NOT NULL", counted)))
    return fill("list_slice($1, 1, $2)", aggregate, limit.expression) if limit else aggregate


def _string_agg(call: exp.Anonymous) -> exp.Expression:
    """STRING_AGG([DISTINCT] x [, delimiter] [ORDER BY …])."""
    *value, last = call.expressions
    if isinstance(last, exp.Limit):
        raise refuse("STRING_AGG with LIMIT")
    if value:
        return same_as("string_agg")(call)
    inner, order = _without(last, exp.Order)
    comma: exp.Expression = exp.Literal.string(",")
    delimiter = exp.Order(this=comma, expressions=order.expressions) if order else comma
    return exp.Anonymous(this="string_agg", expressions=[inner, delimiter])


def _only_argument(call: exp.Anonymous) -> exp.Expression:
    if len(call.expressions) != 1:
        raise no_signature(call)
    argument: exp.Expression = call.expressions[0]
    return argument


def _without(node: exp.Expression, modifier: type[exp.Expression]) -> tuple[exp.Expression, exp.Expression | None]:
    """What a modifier modifies, and the modifier when there is one."""
    return (node.this, node) if isinstance(node, modifier) else (node, None)


def _null_if_any_is(name: str) -> Rewrite:
    """GREATEST and LEAST know nothing when one value is unknown; DuckDB's leave it out."""

    def rewrite(call: exp.Anonymous) -> exp.Expression:
        unknown = exp.or_(*(fill("$1 IS NULL", argument) for argument in call.expressions))
        return fill("CASE WHEN $1 THEN NULL ELSE $2 END", unknown, exp.Anonymous(this=name, expressions=call.expressions))

    return rewrite


def _concat(call: exp.Anonymous) -> exp.Expression:
    """DuckDB's own concat leaves NULL out; GoogleSQL's is NULL as soon as one part is."""
    first, *rest = call.expressions
    for part in rest:
        first = fill("$1 || $2", first, part)
    return first


def _json_value(call: exp.Anonymous) -> exp.Expression:
    """The scalar at a path as text; NULL where there is an object or an array."""
    path = call.expressions[1] if len(call.expressions) == 2 else exp.Literal.string("$")
    text = "CASE WHEN json_type($1, $2) IN ('OBJECT', 'ARRAY') THEN NULL ELSE json_extract_string($1, $2) END"
    return fill(text, call.expressions[0], path)


def _current_date(call: exp.Anonymous) -> exp.Expression:
    """The day in a time zone, UTC unless told."""
    zone = call.expressions or [exp.Literal.string("UTC")]
    return fill("CAST(timezone($1, $2) AS DATE)", zone[0], NOW)


FUNCTIONS: dict[str, Rewrite] = {
    # aggregates
    "ANY_VALUE": same_as("any_value"),
    "ARRAY_AGG": _array_agg,
    "AVG": same_as("avg"),
    "COUNT": same_as("count"),
    "COUNTIF": as_template("count(CASE WHEN $1 THEN 1 END)"),
    "LOGICAL_AND": same_as("bool_and"),
    "LOGICAL_OR": same_as("bool_or"),
    "MAX": same_as("max"),
    "MIN": same_as("min"),
    "STRING_AGG": _string_agg,
    "SUM": same_as("sum"),
    # windows
    "DENSE_RANK": same_as("dense_rank"),
    "FIRST_VALUE": same_as("first_value"),
    "LAG": same_as("lag"),
    "LAST_VALUE": same_as("last_value"),
    "LEAD": same_as("lead"),
    "RANK": same_as("rank"),
    "ROW_NUMBER": same_as("row_number"),
    # conditions
    "COALESCE": same_as("coalesce"),
    "GREATEST": _null_if_any_is("greatest"),
    "IFNULL": as_template("coalesce($1, $2)"),
    "LEAST": _null_if_any_is("least"),
    "NULLIF": as_template("nullif($1, $2)"),
    # numbers
    "ABS": as_template("abs($1)"),
    "CEIL": as_template("ceil(CAST($1 AS DOUBLE))"),
    "DIV": as_template("$1 // $2"),
    "FLOOR": as_template("floor(CAST($1 AS DOUBLE))"),
    "MOD": as_template("$1 % $2"),
    "ROUND": as_template("round(CAST($1 AS DOUBLE))", "round(CAST($1 AS DOUBLE), CAST($2 AS INTEGER))"),
    "SAFE_DIVIDE": as_template("CASE WHEN $2 <> 0 THEN CAST($1 AS DOUBLE) / $2 END"),
    # texts
    "CONCAT": _concat,
    "LENGTH": as_template("length($1)"),
    "LOWER": as_template("lower($1)"),
    "REPLACE": as_template("replace($1, $2, $3)"),
    "STARTS_WITH": as_template("starts_with($1, $2)"),
    "SUBSTR": as_template(
        "substring($1, CASE WHEN $2 = 0 OR $2 < -length($1) THEN 1 ELSE $2 END)",
        "substring($1, CASE WHEN $2 = 0 OR $2 < -length($1) THEN 1 ELSE $2 END, $3)",
    ),
    "TRIM": as_template("trim($1)"),
    "UPPER": as_template("upper($1)"),
    # arrays
    "ARRAY_LENGTH": as_template("len($1)"),
    # JSON
    "JSON_VALUE": _json_value,
    "PARSE_JSON": as_template("json($1)"),
    "TO_JSON_STRING": as_template("CAST($1 AS VARCHAR)"),
    # instants and dates
    "CURRENT_DATE": _current_date,
    "CURRENT_TIMESTAMP": lambda call: NOW.copy(),
    "DATE": as_template("CAST($1 AS DATE)", "CAST(timezone($2, $1) AS DATE)", "make_date($1, $2, $3)"),
    "DATE_ADD": googlesql_time.move("+", "CAST($1 ± $2 AS DATE)"),
    "DATE_DIFF": googlesql_time.date_difference,
    "DATE_SUB": googlesql_time.move("-", "CAST($1 ± $2 AS DATE)"),
    "DATE_TRUNC": googlesql_time.truncate_date,
    "FORMAT_DATE": googlesql_time.format_date,
    "FORMAT_TIMESTAMP": googlesql_time.format_timestamp,
    "TIMESTAMP": as_template("CAST($1 AS TIMESTAMPTZ)", "timezone($2, CAST($1 AS TIMESTAMP))"),
    "TIMESTAMP_ADD": googlesql_time.move("+", "$1 ± $2"),
    "TIMESTAMP_DIFF": googlesql_time.timestamp_difference,
    "TIMESTAMP_MICROS": as_template("make_timestamptz($1)"),
    "TIMESTAMP_MILLIS": as_template("make_timestamptz($1 * 1000)"),
    "TIMESTAMP_SECONDS": as_template("make_timestamptz($1 * 1000000)"),
    "TIMESTAMP_SUB": googlesql_time.move("-", "$1 ± $2"),
    "TIMESTAMP_TRUNC": googlesql_time.truncate_timestamp,
    "UNIX_MICROS": as_template("epoch_us($1)"),
    "UNIX_MILLIS": as_template("epoch_us(date_trunc('millisecond', $1)) // 1000"),
    "UNIX_SECONDS": as_template("epoch_us(date_trunc('second', $1)) // 1000000"),
}
