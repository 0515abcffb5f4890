"""The steps from GoogleSQL's syntax tree to DuckDB's, in their order: STEPS. Each one does a single thing."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from localcloud.googlesql_functions import NOW, cast, divide, rewrite_call
from localcloud.googlesql_template import fill, invalid_query, refuse
from localcloud.googlesql_time import extract

Types = Mapping[str, str]
"""The DuckDB type of each query parameter, by its name in lower case."""
Step = Callable[[exp.Expression, Types], exp.Expression]


def demand_where(statement: exp.Expression, types: Types) -> exp.Expression:
    if isinstance(statement, exp.Delete) and not statement.args.get("where"):
        raise invalid_query("DELETE must have a WHERE clause")
    return statement


def refuse_stars_over_unnest(statement: exp.Expression, types: Types) -> exp.Expression:
    """SELECT * over an array of structs gives the structs' fields; in DuckDB it would give the structs."""
    for unnest in statement.find_all(exp.Unnest):
        select = unnest.find_ancestor(exp.Select)
        if select is not None and isinstance(unnest.parent, (exp.From, exp.Join)) and _has_bare_star(select):
            raise refuse("SELECT * over UNNEST")
    return statement


def _has_bare_star(select: exp.Select) -> bool:
    return any(isinstance(column, exp.Star) for column in select.expressions)


def name_results(statement: exp.Expression, types: Types) -> exp.Expression:
    """Columns without a name are called f0_, f1_, … by BigQuery."""
    if isinstance(statement, exp.Query):
        select = statement.find(exp.Select)
        named = (exp.Alias, exp.Column, exp.Dot, exp.Star)
        unnamed = [column for column in select.expressions if not isinstance(column, named)] if select else []
        for number, column in enumerate(unnamed):
            column.replace(exp.alias_(column.copy(), f"f{number}_"))
    return statement


def translate_meanings(statement: exp.Expression, types: Types) -> exp.Expression:
    """Every node whose meaning differs, the innermost first; what is put in its place is not looked at again."""
    changes: dict[type[exp.Expression], Callable[[Any], exp.Expression]] = {
        exp.Anonymous: rewrite_call,
        exp.Bracket: _index,
        exp.Cast: cast,
        exp.CurrentDate: lambda node: rewrite_call(exp.Anonymous(this="CURRENT_DATE")),
        exp.CurrentTimestamp: lambda node: NOW.copy(),
        exp.Div: divide,
        exp.Extract: extract,
        exp.In: _search_array,
        exp.Like: _escape_pattern,
        exp.Literal: _typed_number,
        exp.Parameter: lambda node: _typed_parameter(node, types),
        exp.TryCast: cast,
    }
    for node in reversed(list(statement.find_all(*changes))):
        changed = changes[type(node)](node)
        if changed is not node:
            node.replace(changed)
    return statement


def _index(node: exp.Bracket) -> exp.Expression:
    """array[OFFSET(n)] and its kin."""
    if "offset" not in node.args or len(node.expressions) != 1:
        raise refuse("A subscript other than OFFSET, ORDINAL, SAFE_OFFSET and SAFE_ORDINAL")
    first = node.args["offset"]
    outside = "NULL" if node.args.get("safe") else "error('Array index is out of bounds')"
    inside = f"list_extract($1, $2 + {1 - first})"
    template = f"CASE WHEN $2 < {first} OR $2 >= len($1) + {first} THEN {outside} ELSE {inside} END"
    return fill(template, node.this, node.expressions[0])


def _search_array(node: exp.In) -> exp.Expression:
    """x IN UNNEST(array)."""
    unnest = node.args.get("unnest")
    if unnest is None:
        return node
    elements = exp.select(exp.Anonymous(this="unnest", expressions=unnest.expressions))
    return exp.In(this=node.this, query=exp.Subquery(this=elements))


def _escape_pattern(like: exp.Like) -> exp.Expression:
    """In a pattern the backslash takes the next character as it is."""
    return exp.Escape(this=like.copy(), expression=exp.Literal.string("\\"))


def _typed_number(literal: exp.Literal) -> exp.Expression:
    """Numbers are INT64 or FLOAT64; DuckDB would make them as small as they fit, or decimal."""
    places_of_bare_numbers = (exp.Group, exp.Interval, exp.Limit, exp.Offset, exp.Ordered, exp.WindowSpec)
    if literal.is_string or isinstance(literal.parent, places_of_bare_numbers):
        return literal
    return exp.cast(literal.copy(), exp.DType.BIGINT if literal.name.isdigit() else exp.DType.DOUBLE, copy=False)


def _typed_parameter(parameter: exp.Parameter, types: Types) -> exp.Expression:
    """Parameters arrive as text and say their types."""
    name = parameter.name.lower()
    if name not in types:
        raise invalid_query(f"Query parameter '{parameter.name}' not found")
    value = exp.Parameter(this=exp.var(f"p_{name}"))
    return exp.Cast(this=value, to=exp.DataType.build(types[name], dialect="duckdb"))


def merge_as_duckdb_does(statement: exp.Expression, types: Types) -> exp.Expression:
    """INSERT ROW is INSERT *, and what a MERGE did is told row by row."""
    if not isinstance(statement, exp.Merge):
        return statement
    for when in statement.find_all(exp.When):
        then = when.args["then"]
        if isinstance(then, exp.Insert) and then.this == exp.var("ROW"):
            then.set("this", exp.Star())
    statement.set("returning", exp.Returning(expressions=[exp.column("merge_action")]))
    return statement


STEPS: tuple[Step, ...] = (
    demand_where,
    refuse_stars_over_unnest,
    name_results,
    translate_meanings,
    merge_as_duckdb_does,
)
