"""Pieces of DuckDB SQL with places for arguments, from which the translation of GoogleSQL is put together."""

from collections.abc import Callable
from functools import cache
from typing import ClassVar

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
