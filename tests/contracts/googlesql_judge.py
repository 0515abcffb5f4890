"""Google's own GoogleSQL analyzer and reference evaluator, as the package `zetasql` brings them.

It is compiled once per machine, in about twenty seconds, and wasmtime keeps the result in the user's cache. Results
come back as JSON text that the evaluator itself makes of each row, so nothing here interprets its values.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, cached_property
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from wasmtime import Config
from zetasql import types
from zetasql.core import ZetaSqlLocalService, wasm_client
from zetasql.core.exceptions import ServerError

Field = Mapping[str, Any]
"""A column in BigQuery's schema form."""

_EPOCH_DAY = date(1970, 1, 1)
_KINDS = {
    "STRING": types.TypeKind.TYPE_STRING,
    "INTEGER": types.TypeKind.TYPE_INT64,
    "FLOAT": types.TypeKind.TYPE_DOUBLE,
    "BOOLEAN": types.TypeKind.TYPE_BOOL,
    "TIMESTAMP": types.TypeKind.TYPE_TIMESTAMP,
    "DATE": types.TypeKind.TYPE_DATE,
    "JSON": types.TypeKind.TYPE_JSON,
}


@dataclass(frozen=True)
class Table:
    """A table under one of its names, with its rows when it is to be evaluated."""

    name: str
    fields: Sequence[Field]
    rows: Sequence[Sequence[Any]] = ()


class _CachingConfig(Config):
    """Without a cache each process compiles the analyzer anew."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = True


wasm_client.Config = _CachingConfig


class Judge:
    """Says what GoogleSQL accepts and what it is worth."""

    def __init__(self) -> None:
        self._service = ZetaSqlLocalService.get_instance()
        # The analyzer takes half a second for a type, and statements share theirs.
        self._type = cache(self._type)  # type: ignore[method-assign]

    def complaint(self, sql: str, parameters: Mapping[str, str], tables: Iterable[Table]) -> str | None:
        """Why BigQuery would refuse the statement; None when it would not. Parameters by name and GoogleSQL type."""
        options, catalog = self._options(parameters), self._catalog(_named_in(sql, tables))
        try:
            self._service.analyze(sql_statement=sql, options=options, simple_catalog=catalog)
        except ServerError as error:
            return str(error)
        return None

    def rows(
        self, sql: str, parameters: Mapping[str, tuple[str, Any]] | None = None, tables: Iterable[Table] = ()
    ) -> list[dict[str, Any]]:
        """The rows of a SELECT as JSON objects, in no order. Parameters by name, with GoogleSQL type and value."""
        typed, tables = parameters or {}, _named_in(sql, tables)
        prepared = self._service.prepare_query(
            sql=f"SELECT TO_JSON_STRING(row_) FROM (\n{sql}\n) AS row_",
            options=self._options({name: kind for name, (kind, _) in typed.items()}),
            simple_catalog=self._catalog(tables),
            table_content={table.name: _content(table) for table in tables},
        ).prepared
        try:
            answer = self._service.evaluate_query(
                prepared_query_id=prepared.prepared_query_id,
                params=[types.Parameter(name=name, value=to_value(value)) for name, (_, value) in typed.items()],
            )
        finally:
            self._service.unprepare_query(prepared_query_id=prepared.prepared_query_id)
        found = answer.content.table_data
        return [json.loads(row.cell[0].string_value) for row in (found.row if found else ())]

    @cached_property
    def _language(self) -> types.LanguageOptions:
        """BigQuery's product mode, in which QUALIFY is a reserved word."""
        language = types.LanguageOptions.maximum_features()
        language.product_mode = types.ProductMode.PRODUCT_EXTERNAL
        language.reserved_keywords = ["QUALIFY"]
        return language

    def _options(self, parameters: Mapping[str, str]) -> types.AnalyzerOptions:
        declared = [
            types.AnalyzerOptions.QueryParameter(name=name, type=self._type(kind)) for name, kind in parameters.items()
        ]
        return types.AnalyzerOptions(language_options=self._language, default_timezone="UTC", query_parameters=declared)

    def _type(self, kind: str) -> types.Type:
        """A type from its name in GoogleSQL, understood by the analyzer itself."""
        options = types.AnalyzerOptions(language_options=self._language)
        analyzed = self._service.analyze(
            sql_expression=f"CAST(NULL AS {kind})", options=options, simple_catalog=self._catalog(())
        )
        return analyzed.resolved_expression.type

    def _catalog(self, tables: Iterable[Table]) -> types.SimpleCatalog:
        return types.SimpleCatalog(
            name="catalog",
            table=[types.SimpleTable(name=table.name, column=_columns(table.fields)) for table in tables],
            builtin_function_options=types.ZetaSQLBuiltinFunctionOptions(language_options=self._language),
        )


def _named_in(sql: str, tables: Iterable[Table]) -> list[Table]:
    """The tables that the statement may mean: each one more costs time."""
    return [table for table in tables if re.search(rf"(?<![\w.]){re.escape(table.name)}(?![\w.])", sql)]


def _columns(fields: Sequence[Field]) -> list[types.SimpleColumn]:
    return [
        types.SimpleColumn(name=field["name"], type=types.Type(type_kind=_KINDS[field["type"]])) for field in fields
    ]


def _content(table: Table) -> types.TableContent:
    rows = []
    for row in table.rows:
        cells = [
            to_value(value, is_json=field["type"] == "JSON") for field, value in zip(table.fields, row, strict=True)
        ]
        rows.append(types.TableData.Row(cell=cells))
    return types.TableContent(table_data=types.TableData(row=rows))


def to_value(value: Any, is_json: bool = False) -> types.Value:
    """A Python value as one of GoogleSQL's; dicts are STRUCTs unless they are said to be JSON."""
    if value is None:
        return types.Value()
    if is_json:
        return types.Value(json_value=json.dumps(value))
    if isinstance(value, list):
        return types.Value(array_value=types.Value.Array(element=[to_value(item) for item in value]))
    if isinstance(value, dict):
        return types.Value(struct_value=types.Value.Struct(field=[to_value(item) for item in value.values()]))
    if isinstance(value, datetime):
        instant = Timestamp()
        instant.FromDatetime(value)
        return types.Value(timestamp_value=instant)
    if isinstance(value, date):
        return types.Value(date_value=(value - _EPOCH_DAY).days)
    # bool first: it is an int to Python.
    names = {bool: "bool_value", int: "int64_value", float: "double_value", str: "string_value"}
    return types.Value(**{names[type(value)]: value})


def from_json(fields: Sequence[Field], row: Mapping[str, Any]) -> dict[str, Any]:
    """A judged row with the Python values that Google's client gives for the fields."""
    return {field["name"]: _from_json(field, row[field["name"]]) for field in fields}


def _from_json(field: Field, value: Any) -> Any:
    if field.get("mode") == "REPEATED":
        return [_from_json({**field, "mode": "NULLABLE"}, item) for item in value or []]
    if value is None or field["type"] == "JSON":
        return value
    if field["type"] == "RECORD":
        return from_json(field["fields"], value)
    readers = {"INTEGER": int, "FLOAT": float, "TIMESTAMP": datetime.fromisoformat, "DATE": date.fromisoformat}
    return readers.get(field["type"], lambda same: same)(value)
