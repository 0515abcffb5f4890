"""Pieces of DuckDB SQL with places for arguments, from which the translation of GoogleSQL is put together."""

from collections.abc import Callable
from functools import cache

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

from localcloud.web import ApiError

Rewrite = Callable[[exp.Anonymous], exp.Expression]

_SELF_CONTAINED = (exp.Column, exp.Literal, exp.Anonymous, exp.Cast, exp.Paren, exp.Null, exp.Boolean, exp.Parameter)


class _AsWritten(DuckDB):
    """DuckDB's syntax; function calls stay as they are written."""

    class Parser(DuckDB.Parser):
        FUNCTIONS: dict[str, Callable[..., exp.Expression]] = {}  # noqa: RUF012 -- SQLGlot's own form
        FUNCTION_PARSERS = {"CAST": DuckDB.Parser.FUNCTION_PARSERS["CAST"]}  # noqa: RUF012


def refuse(what: str) -> ApiError:
    return ApiError(400, "invalidQuery", f"{what} is not imitated by the laptop cloud")


def invalid_query(message: str) -> ApiError:
    return ApiError(400, "invalidQuery", message)


def no_signature(call: exp.Anonymous) -> ApiError:
    return invalid_query(f"No matching signature for function {call.name.upper()} with {len(call.expressions)} arguments")


def fill(template: str, *arguments: exp.Expression) -> exp.Expression:
    """The template with $1, $2, … replaced by the arguments."""

    def put(node: exp.Expression) -> exp.Expression:
        return _closed(arguments[int(node.name) - 1]) if isinstance(node, exp.Placeholder) else node

    return _parsed(template).transform(put)


def as_template(*templates: str) -> Rewrite:
    """A rewrite through the template that has as many places as the call has arguments."""
    by_count = {_places(text): text for text in templates}

    def rewrite(call: exp.Anonymous) -> exp.Expression:
        if len(call.expressions) not in by_count:
            raise no_signature(call)
        return fill(by_count[len(call.expressions)], *call.expressions)

    return rewrite


def same_as(duckdb_name: str) -> Rewrite:
    """A rewrite to DuckDB's function of that name, modifiers of the arguments included."""
    return lambda call: exp.Anonymous(this=duckdb_name, expressions=call.expressions)


@cache
def _parsed(template: str) -> exp.Expression:
    parsed = _AsWritten().parse(template)[0]
    if parsed is None:
        raise ValueError(template)
    return parsed


def _places(template: str) -> int:
    return max((int(place.name) for place in _parsed(template).find_all(exp.Placeholder)), default=0)


def _closed(argument: exp.Expression) -> exp.Expression:
    """A copy that keeps its meaning between any two operators."""
    copy = argument.copy()
    return copy if isinstance(copy, _SELF_CONTAINED) else exp.Paren(this=copy)
