"""BigQuery's types as the project uses them: their names, what holds them in DuckDB, and how values travel.

A field is a dict in BigQuery's schema form (`name`, `type`, `mode`, `fields`, `description`).
"""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from localcloud.gcp.bigquery.googlesql.translate import quoted
from localcloud.web import ApiError

Field = dict[str, Any]
Encode = Callable[[Any], Any]

_LEGACY_NAMES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}
STANDARD_NAMES = {legacy: standard for standard, legacy in _LEGACY_NAMES.items()}
_DUCKDB_NAMES = {
    "STRING": "VARCHAR",
    "INTEGER": "BIGINT",
    "FLOAT": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "TIMESTAMP": "TIMESTAMPTZ",
    "JSON": "JSON",
}
_BIGQUERY_NAMES = {
    **{duckdb: bigquery for bigquery, duckdb in _DUCKDB_NAMES.items()},
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    # Smaller and larger integers come from literals, counts and sums; NULL alone is an INT64 in GoogleSQL.
    "INTEGER": "INTEGER",
    "HUGEINT": "INTEGER",
    '"NULL"': "INTEGER",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def canonical_field(field: Field) -> Field:
    """The field as BigQuery gives it back: old type names, a mode, nothing else that is empty."""
    kind = field["type"].upper()
    kind = _LEGACY_NAMES.get(kind, kind)
    if kind != "RECORD" and kind not in _DUCKDB_NAMES:
        raise ApiError(400, "invalid", f"The type {kind} is not imitated by the laptop cloud")
    canonical = {"name": field["name"], "type": kind, "mode": (field.get("mode") or "NULLABLE").upper()}
    if field.get("description"):
        canonical["description"] = field["description"]
    if kind == "RECORD":
        canonical["fields"] = [canonical_field(inner) for inner in field["fields"]]
    return canonical


def column_field(field: Field) -> Field:
    """The field as BigQuery gives it back, of a column."""
    column = canonical_field(field)
    if column["mode"] == "REPEATED" or column["type"] == "RECORD":
        message = f"The column {column['name']} is an array or a record, which the laptop cloud does not imitate"
        raise ApiError(400, "invalid", message)
    return column


def duckdb_type(field: Field) -> str:
    """The DuckDB type that holds a canonical field."""
    if field["type"] == "RECORD":
        members = ", ".join(f"{quoted(inner['name'])} {duckdb_type(inner)}" for inner in field["fields"])
        name = f"STRUCT({members})"
    else:
        name = _DUCKDB_NAMES[field["type"]]
    return f"{name}[]" if field.get("mode") == "REPEATED" else name


def field_of(name: str, kind: Any) -> Field:
    """The field for a result column of a DuckDB type (a DuckDBPyType)."""
    if str(kind) not in _BIGQUERY_NAMES:
        raise ApiError(400, "invalidQuery", f"A result of type {kind} is not imitated by the laptop cloud")
    return {"name": name, "type": _BIGQUERY_NAMES[str(kind)], "mode": "NULLABLE"}


def encode_rows(fields: Sequence[Field], rows: Sequence[Sequence[Any]]) -> list[Any]:
    """Rows in the form {"f": [{"v": …}]} that BigQuery's REST answers have."""
    encoders = [_ENCODERS[field["type"]] for field in fields]
    return [
        {"f": [{"v": None if value is None else encode(value)} for encode, value in zip(encoders, row, strict=True)]}
        for row in rows
    ]


def _encode_float(value: float) -> str:
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return "NaN" if math.isnan(value) else repr(value)


_ENCODERS: dict[str, Encode] = {
    "STRING": str,
    "INTEGER": str,
    "FLOAT": _encode_float,
    "BOOLEAN": lambda value: "true" if value else "false",
    "TIMESTAMP": lambda value: str((value - _EPOCH) // _MICROSECOND),
    "JSON": str,
}


Json = dict[str, Any]


def parameter_field(parameter: Json) -> Field:
    """Name and type of a parameter as a field."""
    if not parameter.get("name"):
        raise ApiError(400, "invalidQuery", "A parameter without a name is not imitated by the laptop cloud")
    return canonical_field(_field(parameter["name"].lower(), parameter["parameterType"]))


def _field(name: str, kind: Json) -> Field:
    if kind["type"] == "ARRAY":
        return {**_field(name, kind["arrayType"]), "mode": "REPEATED"}
    if kind["type"] == "STRUCT":
        inner = [_field(member["name"], member["type"]) for member in kind["structTypes"]]
        return {"name": name, "type": "STRUCT", "fields": inner}
    return {"name": name, "type": kind["type"]}


def parameter_value(field: Field, value: Json) -> Any:
    """The value with every scalar as text; the statement casts it to the field's type."""
    if field["mode"] == "REPEATED":
        element = {**field, "mode": "NULLABLE"}
        return [parameter_value(element, item) for item in value.get("arrayValues", [])]
    if field["type"] == "RECORD":
        members = value.get("structValues", {})
        return {inner["name"]: parameter_value(inner, members.get(inner["name"], {})) for inner in field["fields"]}
    return value.get("value")
