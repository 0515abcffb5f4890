"""The steps from GoogleSQL's syntax tree to DuckDB's, in their order: STEPS. Each one does a single thing."""

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from localcloud.gcp.bigquery.googlesql.functions import NOW, rewrite_call
from localcloud.gcp.bigquery.googlesql.operators import (
    Types,
    cast,
    divide,
    escape_pattern,
    index_array,
    search_array,
    type_number,
    type_parameter,
)
from localcloud.gcp.bigquery.googlesql.templates import invalid_query, refuse
from localcloud.gcp.bigquery.googlesql.time_functions import extract

Step = Callable[[exp.Expr, Types], exp.Expr]


def demand_where(statement: exp.Expr, types: Types) -> exp.Expr:
    if isinstance(statement, exp.Delete) and not statement.args.get("where"):
        raise invalid_query("DELETE must have a WHERE clause")
    return statement


def refuse_stars_over_unnest(statement: exp.Expr, types: Types) -> exp.Expr:
    """SELECT * over an array of structs gives the structs' fields; in DuckDB it would give the structs."""
    for unnest in statement.find_all(exp.Unnest):
        select = unnest.find_ancestor(exp.Select)
        is_source = isinstance(unnest.parent, (exp.From, exp.Join))
        if is_source and select and any(isinstance(column, exp.Star) for column in select.expressions):
            raise refuse("SELECT * over UNNEST")
    return statement


def name_results(statement: exp.Expr, types: Types) -> exp.Expr:
    """Columns without a name are called f0_, f1_, … by BigQuery. The first SELECT names those of a UNION."""
    first = statement
    while isinstance(first, (exp.SetOperation, exp.Subquery)):
        first = first.this
    if isinstance(first, exp.Select):
        named = (exp.Alias, exp.Column, exp.Dot, exp.Star)
        unnamed = [column for column in first.expressions if not isinstance(column, named)]
        for number, column in enumerate(unnamed):
            column.replace(exp.alias_(column.copy(), f"f{number}_"))
    return statement


def translate_meanings(statement: exp.Expr, types: Types) -> exp.Expr:
    """Every node whose meaning differs, the innermost first; what is put in its place is not looked at again."""
    changes: dict[type[exp.Expr], Callable[[Any], exp.Expr]] = {
        exp.Anonymous: rewrite_call,
        exp.Bracket: index_array,
        exp.Cast: cast,
        exp.CurrentDate: lambda node: rewrite_call(exp.Anonymous(this="CURRENT_DATE")),
        exp.CurrentTimestamp: lambda node: NOW.copy(),
        exp.Div: divide,
        exp.Extract: extract,
        exp.In: search_array,
        exp.Like: escape_pattern,
        exp.Literal: type_number,
        exp.Parameter: lambda node: type_parameter(node, types),
        exp.TryCast: cast,
    }
    for node in reversed(list(statement.find_all(*changes))):
        changed = changes[type(node)](node)
        if changed is not node:
            node.replace(changed)
    return statement


def merge_as_duckdb_does(statement: exp.Expr, types: Types) -> exp.Expr:
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
