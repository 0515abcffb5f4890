"""Runs one GoogleSQL statement on the warehouse and returns BigQuery's statistics of it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localcloud.gcp.bigquery.catalog import Resource, Sizes, find_table, mark_modified
from localcloud.gcp.bigquery.googlesql.translate import (
    Context,
    TableId,
    Translation,
    columns_of_view,
    quoted,
    translate,
)
from localcloud.gcp.bigquery.jobs import Outcome, Result
from localcloud.gcp.bigquery.schema import duckdb_type, encode_rows, field_of, parameter_field, parameter_value
from localcloud.gcp.bigquery.warehouse import Cursor, Warehouse
from localcloud.web import ApiError

_SMALLEST_BILL = 10 * 1024 * 1024  # per table and query: https://cloud.google.com/bigquery/pricing
_MOST_PARTITIONS = 4_000  # that one job modifies: https://cloud.google.com/bigquery/quotas#partitioned_tables
_DML_COUNTS = {"INSERT": "insertedRowCount", "UPDATE": "updatedRowCount", "DELETE": "deletedRowCount"}


@dataclass(frozen=True)
class Query:
    """A query job's configuration, understood."""

    translation: Translation
    values: dict[str, Any]
    maximum_bytes: int | None


def plan_query(configuration: Resource, project: str) -> Query:
    """Raises ApiError for a statement that is wrong or not imitated."""
    if configuration.get("useLegacySql", True):
        raise ApiError(400, "invalidQuery", "Legacy SQL is not imitated by the laptop cloud")
    parameters = configuration.get("queryParameters", [])
    fields = [parameter_field(parameter) for parameter in parameters]
    values = {
        f"p_{field['name']}": parameter_value(field, parameter.get("parameterValue", {}))
        for field, parameter in zip(fields, parameters, strict=True)
    }
    dataset, limit = configuration.get("defaultDataset", {}).get("datasetId"), configuration.get("maximumBytesBilled")
    context = Context(project, dataset, tuple((field["name"], duckdb_type(field)) for field in fields))
    return Query(translate(configuration["query"], context), values, int(limit) if limit else None)


class QueryRunner:
    """Runs statements that were understood before."""

    def __init__(self, warehouse: Warehouse, sizes: Sizes) -> None:
        self._warehouse, self._sizes = warehouse, sizes

    def run(self, cursor: Cursor, query: Query) -> Outcome:
        """The job's statistics and, for a SELECT, its rows."""
        now_ms, target = self._warehouse.now_ms(), query.translation.target
        tables = {table: find_table(cursor, table, now_ms) for table in query.translation.tables}
        statistics: Resource = {
            "statementType": query.translation.kind,
            "cacheHit": False,
            "referencedTables": [table.reference for table in tables],
        }
        if target is None or query.maximum_bytes is not None:
            statistics |= self._bytes(cursor, query, tables)
        for view, table in query.translation.views:
            cursor.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS FROM {table.sql}")
        values = {name: query.values[name] for name in query.translation.parameters}
        if target is None:
            answer = cursor.execute(query.translation.sql, values)
            fields = [field_of(column[0], column[1]) for column in answer.description]
            return Outcome(statistics, Result(fields, encode_rows(fields, answer.fetchall())))
        counts = _change(cursor, query.translation, values, tables[target])
        if counts.total():
            mark_modified(cursor, target, tables[target], self._warehouse.now_ms())
        statistics["numDmlAffectedRows"] = str(counts.total())
        statistics["dmlStats"] = {name: str(counts[action]) for action, name in _DML_COUNTS.items()}
        return Outcome(statistics)

    def _bytes(self, cursor: Cursor, query: Query, tables: dict[TableId, Resource]) -> Resource:
        """What the statement reads. Nothing is pruned: every column it names is counted whole."""
        named = query.translation.columns
        read = [
            sum(self._sizes.of_columns(cursor, resource, columns).values())
            for table in tables.values()
            for resource, columns in self._under(cursor, table, named)
        ]
        billed = sum(max(size, _SMALLEST_BILL) for size in read)
        if query.maximum_bytes is not None and billed > query.maximum_bytes:
            message = f"Query exceeded limit for bytes billed: {query.maximum_bytes}. {billed} or higher required."
            raise ApiError(400, "bytesBilledLimitExceeded", message)
        return {"totalBytesProcessed": str(sum(read)), "totalBytesBilled": str(billed)}

    def _under(
        self, cursor: Cursor, table: Resource, named: frozenset[str]
    ) -> Iterator[tuple[Resource, frozenset[str]]]:
        """The table itself, or those of a view with the columns that it reads for the named ones."""
        if table["type"] != "VIEW":
            yield table, named
            return
        query = table["view"]["query"]
        columns = columns_of_view(query, named)
        for under in translate(query, Context(table["tableReference"]["projectId"])).tables:
            yield find_table(cursor, under, self._warehouse.now_ms()), columns


def _change(cursor: Cursor, translation: Translation, values: dict[str, Any], resource: Resource) -> Counter[str]:
    """Changes rows and counts them by the action. Raises ApiError for those of more days than one job may change."""
    kind, sql = translation.kind, translation.sql
    by_day = resource.get("timePartitioning", {}).get("field")
    if by_day:
        sql += f"{',' if kind == 'MERGE' else ' RETURNING'} CAST({quoted(by_day)} AS DATE)"
    rows = cursor.execute(sql, values).fetchall()  # of each row that a MERGE changed the action; of others the number
    if by_day and len(rows) > _MOST_PARTITIONS and (days := len({row[-1] for row in rows})) > _MOST_PARTITIONS:
        allowed = f"allowed {_MOST_PARTITIONS}, query modifies at least {days} partitions"
        raise ApiError(400, "invalidQuery", f"Too many partitions produced by query, {allowed}")
    if kind == "MERGE":
        return Counter(row[0] for row in rows)
    return Counter({kind: len(rows) if by_day else rows[0][0]})
