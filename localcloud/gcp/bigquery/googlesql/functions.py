"""GoogleSQL's syntax, functions and operators that the project sends, the latter in DuckDB's SQL: the allow-list.

SQLGlot's own translation is silently wrong for some functions, so it is not used: every call comes here as it was
written, and a function without a line here is refused by name. The golden test holds hand-written expectations for
every line; tests/contracts/test_google_descriptions.py fails when the lists differ from what is sent.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.parsers.duckdb import DuckDBParser

from localcloud.web import ApiError

Rewrite = Callable[[exp.Anonymous], exp.Expr]
"""What becomes of a function's call."""

_SELF_CONTAINED = (exp.Anonymous, exp.Boolean, exp.Cast, exp.Column, exp.Literal, exp.Null, exp.Parameter, exp.Paren)


class _AsWrittenParser(DuckDBParser):
    FUNCTIONS: ClassVar = {}
    FUNCTION_PARSERS: ClassVar = {name: DuckDBParser.FUNCTION_PARSERS[name] for name in ("CAST", "TRY_CAST")}


class _AsWritten(DuckDB):
    """DuckDB's syntax; function calls stay as they are written."""

    Parser = _AsWrittenParser


def refuse(what: str) -> ApiError:
    return invalid_query(f"{what} is not imitated by the laptop cloud")


def invalid_query(message: str) -> ApiError:
    return ApiError(400, "invalidQuery", message)


def fill(template: str, *arguments: exp.Expr) -> exp.Expr:
    """The template with $1, $2, … replaced by the arguments."""

    def put(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Placeholder):
            return node
        argument = arguments[int(node.name) - 1].copy()
        return argument if isinstance(argument, _SELF_CONTAINED) else exp.Paren(this=argument)

    return _parsed(template).transform(put)


def as_template(*templates: str) -> Rewrite:
    """A rewrite through the template that has as many places as the call has arguments."""
    by_count = {
        len({place.name for place in _parsed(template).find_all(exp.Placeholder)}): template for template in templates
    }

    def rewrite(call: exp.Anonymous) -> exp.Expr:
        given = arguments(call, *by_count)
        return fill(by_count[len(given)], *given)

    return rewrite


def same_as(duckdb_name: str, *counts: int) -> Rewrite:
    """A rewrite to DuckDB's function of that name, modifiers of the arguments included."""
    return lambda call: exp.Anonymous(this=duckdb_name, expressions=arguments(call, *counts))


def arguments(call: exp.Anonymous, *counts: int) -> list[exp.Expr]:
    """The call's arguments. Raises ApiError when their number is none of these."""
    if len(call.expressions) not in counts:
        message = f"No matching signature for function {call.name.upper()} with {len(call.expressions)} arguments"
        raise invalid_query(message)
    return list(call.expressions)


@cache
def _parsed(template: str) -> exp.Expr:
    (parsed,) = _AsWritten().parse(template)
    if parsed is None:
        raise ValueError(template)
    return parsed


KNOWN_SYNTAX: frozenset[type[exp.Expr]] = frozenset(
    {
        # statements and their clauses
        exp.CTE, exp.Delete, exp.From, exp.Group, exp.Having, exp.Insert, exp.Join, exp.Limit, exp.Merge, exp.Order,
        exp.Ordered, exp.Qualify, exp.Schema, exp.Select, exp.Subquery, exp.Union, exp.Update, exp.Values, exp.When,
        exp.Whens, exp.Where, exp.With,
        # names and values
        exp.Alias, exp.Boolean, exp.Column, exp.Identifier, exp.Literal, exp.Null, exp.Parameter, exp.Star, exp.Table,
        exp.TableAlias, exp.Tuple, exp.Var, exp.Distinct,
        # operators
        exp.And, exp.Between, exp.Div, exp.EQ, exp.Exists, exp.GT, exp.GTE, exp.In, exp.Is, exp.Like, exp.LT, exp.LTE,
        exp.Neg, exp.NEQ, exp.Not, exp.Or, exp.Paren, exp.Sub,
        # functions that are syntax, and what belongs to calls
        exp.Anonymous, exp.Array, exp.Case, exp.Cast, exp.DataType, exp.If, exp.Interval, exp.Unnest, exp.Window,
        exp.WindowSpec,
    }
)  # fmt: skip


def refuse_unknown_syntax(statement: exp.Expr) -> None:
    for node in statement.walk():
        if type(node) not in KNOWN_SYNTAX:
            raise refuse(f"The syntax of {type(node).__name__}")
        for kind, is_unknown, what in _UNKNOWN_FORMS:
            if isinstance(node, kind) and is_unknown(node):
                raise refuse(what)


_UNKNOWN_FORMS: tuple[tuple[type[exp.Expr], Callable[[Any], bool], str], ...] = (
    (exp.Div, lambda node: not isinstance(node.expression, exp.Literal), "Division by anything but a number"),
    (exp.Delete, lambda node: not node.this, "DELETE without FROM"),
    (exp.Delete, lambda node: not node.args.get("where"), "DELETE without WHERE"),
    (exp.Interval, lambda node: not isinstance(node.parent, exp.Anonymous), "INTERVAL outside of TIMESTAMP_ADD"),
    (exp.Parameter, lambda node: not isinstance(node.this, exp.Var), "A system variable"),
    (exp.Select, lambda node: bool(node.args.get("kind")), "SELECT AS STRUCT or VALUE"),
    # In BigQuery the fields of structs; in DuckDB it would be the structs.
    (exp.Select, lambda node: _spreads_array(node), "SELECT * over UNNEST"),
    (exp.Unnest, lambda node: bool(node.args.get("offset")), "UNNEST … WITH OFFSET"),
)


def _spreads_array(select: exp.Select) -> bool:
    sources = (select.args.get("from_"), *select.args.get("joins", ()))
    reads_array = any(source and isinstance(source.this, exp.Unnest) for source in sources)
    return reads_array and any(isinstance(column, exp.Star) for column in select.expressions)


Types = Mapping[str, str]
"""The DuckDB type of each query parameter, by its name in lower case."""

_PLACES_OF_BARE_NUMBERS = (exp.Group, exp.Interval, exp.Limit, exp.Ordered, exp.WindowSpec)
_TO_TEXT = (
    "CASE WHEN typeof($1) = 'BIGINT' THEN CAST($1 AS VARCHAR) "
    "ELSE error('CAST(' || typeof($1) || ' AS STRING) is not imitated by the laptop cloud') END"
)


def rewrite_call(call: exp.Anonymous) -> exp.Expr:
    """The DuckDB expression for one call of a GoogleSQL function."""
    name = call.name.upper()
    if name not in FUNCTIONS:
        raise refuse(f"The function {name}")
    return FUNCTIONS[name](call)


def cast(node: exp.Cast) -> exp.Expr:
    """CAST of a number to a text, of NULL to anything, and the literal TIMESTAMP '…'."""
    if isinstance(node.this, exp.Null) and not node.args.get("format"):
        return node
    target = node.to.this
    if target == exp.DType.TEXT and not node.args.get("format"):
        return fill(_TO_TEXT, node.this)
    if target == exp.DType.TIMESTAMPTZ and isinstance(node.this, exp.Literal):
        return node
    raise refuse(f"CAST … AS {node.to.sql('bigquery')} in this form")


def search_array(node: exp.In) -> exp.Expr:
    """x IN UNNEST(array)."""
    unnest = node.args.get("unnest")
    if unnest is None:
        return node
    elements = exp.select(exp.Anonymous(this="unnest", expressions=unnest.expressions))
    return exp.In(this=node.this, query=exp.Subquery(this=elements))


def escape_pattern(like: exp.Like) -> exp.Expr:
    """In the pattern of LIKE a backslash takes the next character as it is."""
    return exp.Escape(this=like.copy(), expression=exp.Literal.string("\\"))


def type_number(literal: exp.Literal) -> exp.Expr:
    """Numbers are INT64 or FLOAT64; DuckDB would make them as small as they fit, or decimal."""
    if literal.is_string or isinstance(literal.parent, _PLACES_OF_BARE_NUMBERS):
        return literal
    kind = exp.DType.BIGINT if literal.name.isdigit() else exp.DType.DOUBLE
    return exp.Cast(this=literal.copy(), to=exp.DataType.build(kind))


def type_parameter(parameter: exp.Parameter, types: Types) -> exp.Expr:
    """Parameters arrive as texts and say their types."""
    name = parameter.name.lower()
    if name not in types:
        raise invalid_query(f"Query parameter '{parameter.name}' not found")
    value = exp.Parameter(this=exp.var(f"p_{name}"))
    return exp.Cast(this=value, to=exp.DataType.build(types[name], dialect="duckdb"))


def concat(call: exp.Anonymous) -> exp.Expr:
    """DuckDB's own concat leaves NULL out; GoogleSQL's is NULL as soon as one part is."""
    joined: exp.Expr = call.expressions[0]
    for part in call.expressions[1:]:
        joined = fill("$1 || $2", joined, part)
    return joined


def format_timestamp(call: exp.Anonymous) -> exp.Expr:
    """FORMAT_TIMESTAMP(format, instant, zone), of the elements that mean the same to DuckDB."""
    form, instant, zone = arguments(call, 3)
    if not re.fullmatch("(%[YmdHMA]|[- :])+", form.name):
        raise refuse(f"The format {form.name}")
    return fill("strftime(timezone($1, $2), $3)", zone, instant, form)


def least(call: exp.Anonymous) -> exp.Expr:
    """LEAST is NULL when one value is; DuckDB's leaves that one out."""
    unknown = exp.or_(*(fill("$1 IS NULL", argument) for argument in call.expressions))
    known = exp.Anonymous(this="least", expressions=call.expressions)
    return fill("CASE WHEN $1 THEN NULL ELSE $2 END", unknown, known)


def normalize_and_casefold(call: exp.Anonymous) -> exp.Expr:
    """DuckDB has no such function: bigquery/warehouse.py brings it."""
    text, form = arguments(call, 2)
    if form.name.upper() != "NFKC":
        raise refuse("NORMALIZE_AND_CASEFOLD to another form than NFKC")
    return fill("nfkc_casefold($1)", text)


def string_agg(call: exp.Anonymous) -> exp.Expr:
    """STRING_AGG(x, delimiter [ORDER BY …]); the parser hangs what follows on the delimiter."""
    value, delimiter = arguments(call, 2)
    if isinstance(delimiter, exp.Limit):
        raise refuse("STRING_AGG with LIMIT")
    return exp.Anonymous(this="string_agg", expressions=[value, delimiter])


def timestamp_add(call: exp.Anonymous) -> exp.Expr:
    """TIMESTAMP_ADD(instant, INTERVAL n SECOND)."""
    instant, interval = arguments(call, 2)
    if not isinstance(interval, exp.Interval):
        raise invalid_query("No matching signature for function TIMESTAMP_ADD")
    if interval.text("unit").upper() != "SECOND" or not isinstance(interval.this, exp.Literal):
        raise refuse(f"{interval.sql('bigquery')} in TIMESTAMP_ADD")
    return fill("$1 + CAST($2 AS BIGINT) * INTERVAL 1 SECOND", instant, exp.Literal.number(interval.this.name))


def timestamp_diff(call: exp.Anonymous) -> exp.Expr:
    """TIMESTAMP_DIFF(later, earlier, MILLISECOND): whole units, cut off towards zero."""
    later, earlier, part = arguments(call, 3)
    if part.name.upper() != "MILLISECOND":
        raise refuse(f"TIMESTAMP_DIFF in {part.name.upper()}")
    return fill("(epoch_us($1) - epoch_us($2)) // 1000", later, earlier)


FUNCTIONS: dict[str, Rewrite] = {
    # aggregates
    "AVG": same_as("avg", 1),
    "COUNT": same_as("count", 1),
    "COUNTIF": as_template("count(CASE WHEN $1 THEN 1 END)"),
    "MAX": same_as("max", 1),
    "MIN": same_as("min", 1),
    "STRING_AGG": string_agg,
    "SUM": same_as("sum", 1),
    # windows
    "FIRST_VALUE": same_as("first_value", 1),
    "ROW_NUMBER": same_as("row_number", 0),
    # conditions
    "COALESCE": lambda call: exp.Anonymous(this="coalesce", expressions=call.expressions),
    "LEAST": least,
    "NULLIF": same_as("nullif", 2),
    # numbers
    "ABS": same_as("abs", 1),
    "ROUND": as_template("round($1, CAST($2 AS INTEGER))"),
    # texts
    "CONCAT": concat,
    "LOWER": same_as("lower", 1),
    "NORMALIZE_AND_CASEFOLD": normalize_and_casefold,
    "REGEXP_CONTAINS": same_as("regexp_matches", 2),
    "REGEXP_REPLACE": as_template("regexp_replace($1, $2, $3, 'g')"),
    "STRPOS": same_as("strpos", 2),
    "SUBSTR": same_as("substr", 3),
    # JSON
    "PARSE_JSON": same_as("json", 1),
    "TO_JSON_STRING": as_template(
        "CASE typeof($1) WHEN 'JSON' THEN coalesce(CAST($1 AS VARCHAR), 'null') "
        "ELSE error('TO_JSON_STRING of anything but JSON is not imitated by the laptop cloud') END"
    ),
    # days and instants
    "DATE": as_template("CAST(timezone($2, $1) AS DATE)"),
    "FORMAT_TIMESTAMP": format_timestamp,
    "TIMESTAMP_ADD": timestamp_add,
    "TIMESTAMP_DIFF": timestamp_diff,
    "UNIX_DATE": as_template("date_diff('day', DATE '1970-01-01', $1)"),
    "UNIX_MILLIS": as_template("epoch_us(date_trunc('MILLISECOND', $1)) // 1000"),
}
