"""GoogleSQL → DuckDB, for the statements this project sends.

SQLGlot reads the syntax and writes DuckDB's; functions.py defines what a function means. What no golden test has shown
to be translated correctly is refused by name, never guessed.
"""

import re
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ErrorLevel, ParseError, TokenError, UnsupportedError
from sqlglot.parsers.bigquery import BigQueryParser
from sqlglot.tokenizer_core import TokenType

from localcloud.gcp.bigquery.googlesql.functions import (
    Types,
    cast,
    escape_pattern,
    invalid_query,
    refuse,
    refuse_unknown_syntax,
    rewrite_call,
    search_array,
    type_number,
    type_parameter,
)
from localcloud.web import ApiError


def quoted(name: str) -> str:
    """A DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class TableId:
    """A table's full name. BigQuery writes it with a colon, GoogleSQL with dots."""

    project: str
    dataset: str
    name: str

    def __str__(self) -> str:
        return f"{self.project}:{self.dataset}.{self.name}"

    @property
    def parts(self) -> tuple[str, ...]:
        return self.project, self.dataset, self.name

    @property
    def schema(self) -> str:
        """The DuckDB schema that holds the table."""
        return f"{self.project}.{self.dataset}"

    @property
    def sql(self) -> str:
        """The table's name in DuckDB's SQL."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @classmethod
    def of(cls, reference: dict[str, Any]) -> "TableId":
        return cls(reference["projectId"], reference["datasetId"], reference["tableId"])

    @property
    def reference(self) -> dict[str, Any]:
        return {"projectId": self.project, "datasetId": self.dataset, "tableId": self.name}


class _AsWrittenParser(BigQueryParser):
    FUNCTIONS: ClassVar = {"STRUCT": BigQueryParser.FUNCTIONS["STRUCT"]}
    FUNCTION_PARSERS: ClassVar = {
        name: BigQueryParser.FUNCTION_PARSERS[name] for name in ("ARRAY", "CAST", "EXTRACT", "SAFE_CAST")
    }


class GoogleSQL(BigQuery):
    """BigQuery's syntax with function calls as they were written, not as SQLGlot understands them."""

    Parser = _AsWrittenParser


@dataclass(frozen=True)
class Context:
    """What a statement's meaning depends on besides its text."""

    project: str
    dataset: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    """Name in lower case and DuckDB type of each query parameter."""


@dataclass(frozen=True)
class Translation:
    """A statement in DuckDB's SQL, and what is needed besides to run it as BigQuery would."""

    sql: str
    kind: str
    """SELECT, MERGE, INSERT or DELETE."""
    tables: tuple[TableId, ...]
    target: TableId | None
    """The table that a DML statement changes."""
    columns: frozenset[str]
    """Names of the columns that are read, in lower case; "*" when all are."""
    parameters: frozenset[str]
    """Names of the parameters that the SQL has."""
    views: tuple[tuple[str, TableId], ...] = ()
    """Names in the SQL for tables of another dataset than the target's, so that each file's MERGE has one text."""


_KINDS: dict[type[exp.Expr], str] = {
    exp.Select: "SELECT",
    exp.Union: "SELECT",
    exp.Merge: "MERGE",
    exp.Insert: "INSERT",
    exp.Delete: "DELETE",
}


@lru_cache(maxsize=1_000)
def translate(text: str, context: Context) -> Translation:
    """Raises ApiError with BigQuery's kind of message for what is wrong, or names what is not imitated.

    Statements that differ in nothing but their tables' full names are translated once: each file has a staging table.
    """
    numbers: dict[TableId, int] = {}

    def number(found: re.Match[str]) -> str:
        """`project.dataset.table` becomes `any.table.t0` and so on."""
        if found[1] is None:
            return found[0]
        return f"`any.table.t{numbers.setdefault(TableId(*found.groups()), len(numbers))}`"

    shape = _TEXT_OR_NAME.sub(number, text)
    try:
        translation = _translate(shape, context)
    except ApiError:
        return _translate(text, context)  # so that the error names the tables
    tables, known = list(numbers), {TableId("any", "table", f"t{n}"): table for table, n in numbers.items()}
    target = known.get(translation.target, translation.target) if translation.target else None
    views = {n: f"view_{n}" for n, table in enumerate(tables) if target and table.schema != target.schema}
    return replace(
        translation,
        sql=_ANY_TABLE.sub(lambda place: views.get(n := int(place[1]), tables[n].sql), translation.sql),
        tables=tuple(known.get(table, table) for table in translation.tables),
        target=target,
        views=tuple((view, tables[n]) for n, view in views.items()),
    )


# What holds no name comes first: https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical
_TEXT_OR_NAME = re.compile(
    r"""
      \'{3} (?: \\. | . )*? \'{3} | \"{3} (?: \\. | . )*? \"{3}
    | \' (?: \\. | [^\'\\\n] )* \' | \" (?: \\. | [^\"\\\n] )* \"
    | (?: -- | \# ) [^\n]* | /\* .*? \*/
    | ` ([^`.]+) \. ([^`.]+) \. ([^`.]+) `
    """,
    re.DOTALL | re.VERBOSE,
)
_ANY_TABLE = re.compile(r'"any\.table"\."t([0-9]+)"')


@lru_cache(maxsize=1_000)
def _translate(text: str, context: Context) -> Translation:
    statement = _parse(text)
    kind = _KINDS[type(statement)]
    refuse_unknown_syntax(statement)
    target = None if kind == "SELECT" else _table_id(statement.this.find(exp.Table), context)
    tables = tuple(dict.fromkeys(_point_to_tables(statement, context)))
    columns = _columns(statement)
    _name_results(statement)
    _translate_meanings(statement, dict(context.parameters))
    if isinstance(statement, exp.Merge):
        _merge_as_duckdb_does(statement)
    parameters = frozenset(parameter.name for parameter in statement.find_all(exp.Parameter))
    try:
        sql = statement.sql(DuckDB, identify=True, comments=False, unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        raise invalid_query(f"{error} It is not imitated by the laptop cloud") from None
    return Translation(sql, kind, tables, target, columns, parameters)


def _parse(text: str) -> exp.Expr:
    try:
        tokens = GoogleSQL().tokenize(text)
        if any(token.token_type == TokenType.PIPE_GT for token in tokens):
            raise refuse("The pipe syntax")
        statements = GoogleSQL().parser().parse(tokens, text)
    except (ParseError, TokenError) as error:
        message = str(error).splitlines()[0].replace("\x1b[4m", "").replace("\x1b[0m", "")
        raise invalid_query(f"Syntax error: {message}") from None
    if len(statements) != 1 or statements[0] is None:
        raise refuse("A script of none or several statements")
    if type(statements[0]) not in _KINDS:
        raise refuse(f"The statement {tokens[0].text.upper()}")
    return statements[0]


def _point_to_tables(statement: exp.Expr, context: Context) -> Iterator[TableId]:
    """Point every table to its place in DuckDB, where a project and a dataset together are a schema."""
    local_names = {cte.alias.lower() for cte in statement.find_all(exp.CTE)}
    for table in list(statement.find_all(exp.Table)):
        if table.db or table.name.lower() not in local_names:
            found = _table_id(table, context)
            table.set("catalog", None)
            table.set("db", exp.to_identifier(found.schema))
            yield found


def _table_id(table: exp.Table, context: Context) -> TableId:
    dataset = table.db or context.dataset
    if not dataset:
        raise invalid_query(f'Table "{table.name}" must be qualified with a dataset (e.g. dataset.table).')
    return TableId(table.catalog or context.project, dataset, table.name)


def _columns(statement: exp.Expr) -> frozenset[str]:
    return frozenset(
        column.name.lower()
        for column in statement.find_all(exp.Column, exp.Star)
        if not (isinstance(column, exp.Star) and isinstance(column.parent, exp.Anonymous))
    )


def columns_of_view(text: str, named: Container[str]) -> frozenset[str]:
    """What a view reads for those of its columns that a statement names, and for its conditions."""
    view = _parse(text)
    for column in view.expressions.copy():
        if "*" not in named and column.alias_or_name.lower() not in named:
            column.pop()
    return _columns(view)


def _name_results(statement: exp.Expr) -> None:
    """Columns without a name are called f0_, f1_, … by BigQuery. The first SELECT names those of a UNION."""
    first = statement
    while isinstance(first, (exp.SetOperation, exp.Subquery)):
        first = first.this
    if isinstance(first, exp.Select):
        named = (exp.Alias, exp.Column, exp.Dot, exp.Star)
        unnamed = [column for column in first.expressions if not isinstance(column, named)]
        for number, column in enumerate(unnamed):
            column.replace(exp.alias_(column.copy(), f"f{number}_"))


def _translate_meanings(statement: exp.Expr, types: Types) -> None:
    """Every node whose meaning differs, the innermost first; what is put in its place is not looked at again."""
    changes: dict[type[exp.Expr], Callable[[Any], exp.Expr]] = {
        exp.Anonymous: rewrite_call,
        exp.Cast: cast,
        exp.In: search_array,
        exp.Like: escape_pattern,
        exp.Literal: type_number,
        exp.Parameter: lambda node: type_parameter(node, types),
    }
    for node in reversed(list(statement.find_all(*changes))):
        changed = changes[type(node)](node)
        if changed is not node:
            node.replace(changed)


def _merge_as_duckdb_does(statement: exp.Merge) -> None:
    """INSERT ROW is INSERT *, and a MERGE returns its action for each row."""
    for when in statement.find_all(exp.When):
        then = when.args["then"]
        if isinstance(then, exp.Insert) and then.this == exp.var("ROW"):
            then.set("this", exp.Star())
    statement.set("returning", exp.Returning(expressions=[exp.column("merge_action")]))
