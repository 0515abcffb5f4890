# ruff: noqa: S608 -- names are quoted, values are parameters
"""How much tables hold, by BigQuery's rules for logical bytes: https://cloud.google.com/bigquery/pricing#data."""

from collections.abc import Container

from localcloud.gcp.bigquery.catalog import Resource, TableId
from localcloud.gcp.bigquery.schema import Field, quoted
from localcloud.gcp.bigquery.warehouse import Cursor


class Sizes:
    """Counts a column of a state of a table once; the time of modification names the state."""

    def __init__(self) -> None:
        self._known: dict[TableId, tuple[str, dict[str, int]]] = {}

    def of_columns(self, cursor: Cursor, resource: Resource, names: Container[str]) -> dict[str, int]:
        """Logical bytes of the columns with these names in lower case; "*" is all of them."""
        table, state = TableId.of(resource["tableReference"]), resource["lastModifiedTime"]
        if self._known.get(table, ("", {}))[0] != state:
            self._known[table] = (state, {})
        known = self._known[table][1]
        wanted = [field for field in resource["schema"]["fields"] if "*" in names or field["name"].lower() in names]
        if unknown := [field for field in wanted if field["name"].lower() not in known]:
            known.update(_column_bytes(cursor, table, unknown))
        return {name: known[name] for name in (field["name"].lower() for field in wanted)}

    def added_to(self, cursor: Cursor, resource: Resource) -> Resource:
        """The metadata with the numbers that BigQuery works out on asking."""
        rows = count_rows(cursor, TableId.of(resource["tableReference"]))
        size = sum(self.of_columns(cursor, resource, "*").values()) if rows else 0
        return {**resource, "numRows": str(rows), "numBytes": str(size)}


def count_rows(cursor: Cursor, table: TableId) -> int:
    row = cursor.execute(f"SELECT count(*) FROM {table.sql}").fetchone()
    return int(row[0]) if row else 0


def _column_bytes(cursor: Cursor, table: TableId, fields: list[Field]) -> dict[str, int]:
    sizes = cursor.execute(f"SELECT {', '.join(map(_size_of, fields))} FROM {table.sql}").fetchone()
    return {field["name"].lower(): int(size) for field, size in zip(fields, sizes or (), strict=True)}


def _size_of(field: Field) -> str:
    column = quoted(field["name"])
    if field["mode"] == "REPEATED" or field["type"] in ("STRING", "JSON", "RECORD"):
        return f"coalesce(sum(2 + strlen(CAST({column} AS VARCHAR))), 0)"
    return f"count({column})" if field["type"] == "BOOLEAN" else f"8 * count({column})"
