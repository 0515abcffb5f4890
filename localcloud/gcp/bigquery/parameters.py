"""Query parameters as the REST API carries them: their types in three languages, and their values."""

from typing import Any

from localcloud.gcp.bigquery.schema import STANDARD_NAMES, Field, canonical_field

Json = dict[str, Any]


def parameter_field(parameter: Json, position: int) -> Field:
    """Name and type of a parameter as a field; a positional one is called p0, p1, …"""
    name = (parameter.get("name") or f"p{position}").lower()
    return canonical_field(_field(name, parameter["parameterType"]))


def _field(name: str, kind: Json) -> Field:
    if kind["type"] == "ARRAY":
        return {**_field(name, kind["arrayType"]), "mode": "REPEATED"}
    if kind["type"] == "STRUCT":
        inner = [_field(member["name"], member["type"]) for member in kind["structTypes"]]
        return {"name": name, "type": "STRUCT", "fields": inner}
    return {"name": name, "type": kind["type"]}


def googlesql_type(field: Field) -> str:
    """The type as GoogleSQL writes it: ARRAY<STRUCT<id STRING, plays INT64>>."""
    if field["mode"] == "REPEATED":
        return f"ARRAY<{googlesql_type({**field, 'mode': 'NULLABLE'})}>"
    if field["type"] == "RECORD":
        members = (f"{inner['name']} {googlesql_type(inner)}" for inner in field["fields"])
        return f"STRUCT<{', '.join(members)}>"
    kind: str = field["type"]
    return STANDARD_NAMES.get(kind, kind)


def parameter_value(field: Field, value: Json) -> Any:
    """The value with every scalar as text; the statement casts it to the field's type."""
    if field["mode"] == "REPEATED":
        element = {**field, "mode": "NULLABLE"}
        return [parameter_value(element, item) for item in value.get("arrayValues", [])]
    if field["type"] == "RECORD":
        members = value.get("structValues", {})
        return {inner["name"]: parameter_value(inner, members.get(inner["name"], {})) for inner in field["fields"]}
    return value.get("value")
