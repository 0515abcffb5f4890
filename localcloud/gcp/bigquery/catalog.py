# ruff: noqa: S608 -- names are quoted, values are parameters
"""The metadata of datasets and tables, in BigQuery's own form, stored beside the rows; their sizes by its rules."""

import json
from collections.abc import Container, Sequence
from typing import Any

from localcloud.gcp.bigquery.googlesql.translate import Context, TableId, quoted, translate
from localcloud.gcp.bigquery.schema import Field, column_field, duckdb_type, field_of
from localcloud.gcp.bigquery.warehouse import Cursor
from localcloud.web import ApiError

Resource = dict[str, Any]

# What Google's description of tables.list (bigquery v2, TableList) has of a table, in so far as it is kept here.
_LISTED = (
    *("kind", "id", "tableReference", "type", "creationTime", "expirationTime"),
    *("friendlyName", "labels", "timePartitioning", "clustering"),
)
_KEPT_OF_DATASET = ("description", "friendlyName", "labels", "defaultTableExpirationMs")
_KEPT_AS_GIVEN = ("description", "friendlyName", "labels", "timePartitioning", "clustering", "view")


def find_dataset(cursor: Cursor, project: str, dataset: str) -> Resource:
    if (project, dataset) not in cursor.metadata:
        raise ApiError(404, "notFound", f"Not found: Dataset {project}:{dataset}")
    resource: Resource = json.loads(cursor.metadata[project, dataset])
    return resource


def create_dataset(cursor: Cursor, project: str, request: Resource, now_ms: int) -> Resource:
    name = request["datasetReference"]["datasetId"]
    if (project, name) in cursor.metadata:
        raise ApiError(409, "duplicate", f"Already Exists: Dataset {project}:{name}")
    resource: Resource = {
        "kind": "bigquery#dataset",
        "id": f"{project}:{name}",
        "datasetReference": {"projectId": project, "datasetId": name},
        "location": request.get("location", "US"),
        "creationTime": str(now_ms),
        "lastModifiedTime": str(now_ms),
        **{key: request[key] for key in _KEPT_OF_DATASET if key in request},
    }
    cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(f'{project}.{name}')}")
    cursor.metadata[project, name] = json.dumps(resource)
    return resource


def find_table(cursor: Cursor, table: TableId, now_ms: int) -> Resource:
    """The table's metadata. Raises ApiError for one that does not exist or has expired."""
    resource: Resource = json.loads(cursor.metadata.get(table.parts, "{}"))
    if not resource or _is_expired(resource, now_ms):
        find_dataset(cursor, table.project, table.dataset)
        raise ApiError(404, "notFound", f"Not found: Table {table}")
    return resource


def _is_expired(resource: Resource, now_ms: int) -> bool:
    return "expirationTime" in resource and int(resource["expirationTime"]) <= now_ms


def create_table(cursor: Cursor, table: TableId, request: Resource, now_ms: int) -> Resource:
    dataset = find_dataset(cursor, table.project, table.dataset)
    for text in list(cursor.metadata.values()):
        if _is_expired(expired := json.loads(text), now_ms):
            drop(cursor, TableId.of(expired["tableReference"]))
    if table.parts in cursor.metadata:
        raise ApiError(409, "duplicate", f"Already Exists: Table {table}")
    resource = {
        "kind": "bigquery#table",
        "id": str(table),
        "tableReference": table.reference,
        "type": "VIEW" if "view" in request else "TABLE",
        "location": dataset["location"],
        "creationTime": str(now_ms),
        "lastModifiedTime": str(now_ms),
        "schema": {"fields": [column_field(field) for field in request.get("schema", {}).get("fields", [])]},
        **{key: request[key] for key in (*_KEPT_AS_GIVEN, "expirationTime") if request.get(key)},
    }
    if "defaultTableExpirationMs" in dataset:
        resource.setdefault("expirationTime", str(now_ms + int(dataset["defaultTableExpirationMs"])))
    if "view" in resource:
        view = translate(resource["view"]["query"], Context(table.project)).sql
        cursor.execute(f"CREATE VIEW {table.sql} AS {view}")
        columns = cursor.execute(f"SELECT * FROM {table.sql} LIMIT 0").description
        resource["schema"]["fields"] = [field_of(column[0], column[1]) for column in columns]
    else:
        _create_rows(cursor, table, resource["schema"]["fields"])
    cursor.metadata[table.parts] = json.dumps(resource)
    return resource


def _create_rows(cursor: Cursor, table: TableId, fields: Sequence[Field]) -> None:
    columns = ", ".join(
        f"{quoted(field['name'])} {duckdb_type(field)}{' NOT NULL' if field['mode'] == 'REQUIRED' else ''}"
        for field in fields
    )
    cursor.execute(f"CREATE TABLE {table.sql} ({columns})")


def replace_schema(cursor: Cursor, table: TableId, resource: Resource, fields: Sequence[Field]) -> None:
    """Empty the table and give it new columns."""
    resource["schema"] = {"fields": list(fields)}
    cursor.execute(f"DROP TABLE {table.sql}")
    _create_rows(cursor, table, fields)


def mark_modified(cursor: Cursor, table: TableId, resource: Resource, now_ms: int) -> None:
    """Store the metadata with a later time of modification: two states of a table never share one."""
    later = max(now_ms, int(resource["lastModifiedTime"]) + 1)
    cursor.metadata[table.parts] = json.dumps({**resource, "lastModifiedTime": str(later)})


def drop(cursor: Cursor, table: TableId) -> None:
    kind = json.loads(cursor.metadata.pop(table.parts))["type"]
    cursor.execute(f"DROP {kind} {table.sql}")


def list_tables(cursor: Cursor, project: str, dataset: str, now_ms: int) -> list[Resource]:
    """Without schema, description, time of change and the like: those come only with each table's own metadata."""
    find_dataset(cursor, project, dataset)
    keys = sorted(key for key in cursor.metadata if len(key) == 3 and key[:2] == (project, dataset))
    resources = [json.loads(cursor.metadata[key]) for key in keys]
    return [
        {name: resource[name] for name in _LISTED if name in resource}
        for resource in resources
        if not _is_expired(resource, now_ms)
    ]


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
            columns = [(quoted(field["name"]), field["type"]) for field in unknown]
            counted = ", ".join(
                f"count({name}), {f'sum(strlen(CAST({name} AS VARCHAR)))' if kind in ('STRING', 'JSON') else 0}"
                for name, kind in columns
            )
            row = cursor.execute(f"SELECT {counted} FROM {table.sql}").fetchone() or ()
            for field, values, text_bytes in zip(unknown, row[::2], row[1::2], strict=True):
                each = {"STRING": 2, "JSON": 2, "BOOLEAN": 1}.get(field["type"], 8)
                known[field["name"].lower()] = values * each + int(text_bytes or 0)
        return {name: known[name] for name in (field["name"].lower() for field in wanted)}

    def added_to(self, cursor: Cursor, resource: Resource) -> Resource:
        """The metadata with the numbers that BigQuery computes for each call."""
        if resource["type"] == "VIEW":
            return resource
        rows = count_rows(cursor, TableId.of(resource["tableReference"]))
        size = sum(self.of_columns(cursor, resource, "*").values()) if rows else 0
        return {**resource, "numRows": str(rows), "numBytes": str(size)}


def count_rows(cursor: Cursor, table: TableId) -> int:
    row = cursor.execute(f"SELECT count(*) FROM {table.sql}").fetchone()
    return int(row[0]) if row else 0
