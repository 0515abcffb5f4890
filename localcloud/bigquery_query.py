# ruff: noqa: S608 -- names are quoted, values are parameters
"""Runs one GoogleSQL statement on the warehouse and tells what it did in BigQuery's words."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from localcloud.bigquery_catalog import Cursor, Resource, TableId, Warehouse, find_table, logical_bytes, mark_modified
from localcloud.bigquery_jobs import Outcome, Result
from localcloud.bigquery_parameters import googlesql_type, parameter_field, parameter_value
from localcloud.bigquery_types import Field, duckdb_type, encode_rows, field_of
from localcloud.googlesql import Context, Translation, translate
from localcloud.web import ApiError

_SMALLEST_BILL = 10 * 1024 * 1024  # per table and query: https://cloud.google.com/bigquery/pricing
_DML_COUNTS = {"INSERT": "insertedRowCount", "UPDATE": "updatedRowCount", "DELETE": "deletedRowCount"}


@dataclass(frozen=True)
class Statement:
    """A statement as it was received: its text, and name and GoogleSQL type of each parameter."""

    sql: str
    parameters: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Query:
    """A query job's configuration, understood."""

    statement: Statement
    translation: Translation
    values: dict[str, Any]
    maximum_bytes: int | None

    @property
    def writes(self) -> bool:
        return self.translation.target is not None


def read_statement(configuration: Resource) -> Statement:
    fields = _parameter_fields(configuration)
    return Statement(configuration["query"], tuple((field["name"], googlesql_type(field)) for field in fields))


def plan_query(configuration: Resource, project: str) -> Query:
    """Raises ApiError for a statement that is wrong or not imitated."""
    if configuration.get("useLegacySql", True):
        raise ApiError(400, "invalidQuery", "Legacy SQL is not imitated by the laptop cloud")
    parameters = configuration.get("queryParameters", [])
    fields = _parameter_fields(configuration)
    types = tuple((field["name"], duckdb_type(field)) for field in fields)
    dataset = configuration.get("defaultDataset", {}).get("datasetId")
    values = {
        f"p_{field['name']}": parameter_value(field, parameter.get("parameterValue", {}))
        for field, parameter in zip(fields, parameters, strict=True)
    }
    limit = configuration.get("maximumBytesBilled")
    translation = translate(configuration["query"], Context(project, dataset, types))
    return Query(read_statement(configuration), translation, values, int(limit) if limit else None)


def _parameter_fields(configuration: Resource) -> list[Field]:
    parameters = configuration.get("queryParameters", [])
    return [parameter_field(parameter, position) for position, parameter in enumerate(parameters)]


def run_query(cursor: Cursor, warehouse: Warehouse, query: Query) -> Outcome:
    """The job's statistics and, for a SELECT, its rows."""
    tables = {table: find_table(cursor, table, warehouse.now_ms()) for table in query.translation.tables}
    statistics = _read_statistics(cursor, query, tables)
    _execute(cursor, warehouse, query, query.translation.sql)
    if query.translation.target is None:
        return Outcome(statistics, _result(cursor))
    counts = _dml_counts(cursor, query.translation.kind)
    if any(counts.values()):
        target = query.translation.target
        mark_modified(cursor, target, tables[target], warehouse.now_ms())
    return Outcome({**statistics, **_dml_statistics(counts)})


def check_query(cursor: Cursor, warehouse: Warehouse, query: Query) -> tuple[Resource, Result]:
    """A dry run: the statistics and the result's columns, without doing anything."""
    tables = {table: find_table(cursor, table, warehouse.now_ms()) for table in query.translation.tables}
    statistics = _read_statistics(cursor, query, tables)
    checking = (
        f"SELECT * FROM ({query.translation.sql}) LIMIT 0" if not query.writes else f"EXPLAIN {query.translation.sql}"
    )
    _execute(cursor, warehouse, query, checking)
    return statistics, Result([], []) if query.writes else _result(cursor)


def _execute(cursor: Cursor, warehouse: Warehouse, query: Query, sql: str) -> None:
    values = {**query.values, "now": warehouse.clock.now()}
    cursor.execute(sql, {name: values[name] for name in query.translation.parameters})


def _read_statistics(cursor: Cursor, query: Query, tables: dict[TableId, Resource]) -> Resource:
    read = {table: _bytes_read(cursor, query.translation, table, resource) for table, resource in tables.items()}
    billed = sum(max(size, _SMALLEST_BILL) for size in read.values())
    if query.maximum_bytes is not None and billed > query.maximum_bytes:
        message = f"Query exceeded limit for bytes billed: {query.maximum_bytes}. {billed} or higher required."
        raise ApiError(400, "bytesBilledLimitExceeded", message)
    return {
        "statementType": query.translation.kind,
        "totalBytesProcessed": str(sum(read.values())),
        "totalBytesBilled": str(billed),
        "cacheHit": False,
        "referencedTables": [table.reference for table in tables],
    }


def _bytes_read(cursor: Cursor, translation: Translation, table: TableId, resource: Resource) -> int:
    fields = resource["schema"]["fields"]
    everything = "*" in translation.columns
    return logical_bytes(cursor, table, [f for f in fields if everything or f["name"].lower() in translation.columns])


def _result(cursor: Cursor) -> Result:
    fields = [field_of(column[0], column[1]) for column in cursor.description]
    return Result(fields, encode_rows(fields, cursor.fetchall()))


def _dml_counts(cursor: Cursor, kind: str) -> Counter[str]:
    """How many rows were inserted, updated and deleted."""
    if kind == "MERGE":
        return Counter(action for (action,) in cursor.fetchall())
    row = cursor.fetchone()
    return Counter({kind: row[0] if row else 0})


def _dml_statistics(counts: Counter[str]) -> Resource:
    return {
        "numDmlAffectedRows": str(sum(counts.values())),
        "dmlStats": {name: str(counts[action]) for action, name in _DML_COUNTS.items()},
    }
