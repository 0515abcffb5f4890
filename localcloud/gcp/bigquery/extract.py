# ruff: noqa: S608 -- names are quoted, values are parameters
"""Extract jobs: a whole table to one Parquet object on gs://."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localcloud.gcp.bigquery.catalog import Resource, TableId, find_table
from localcloud.gcp.bigquery.load import refuse_other_settings
from localcloud.gcp.bigquery.schema import quoted
from localcloud.gcp.bigquery.warehouse import Cursor
from localcloud.web import ApiError

WriteObject = Callable[[str, Path], None]

_SETTINGS: dict[str, tuple[Any, ...] | None] = {
    "destinationFormat": ("PARQUET",),
    "destinationUris": None,
    "sourceTable": None,
}


def run_extract(cursor: Cursor, configuration: Resource, write_object: WriteObject, now_ms: int) -> Resource:
    """The job's statistics. Instants are written as microseconds in UTC, JSON as text."""
    refuse_other_settings({"destinationFormat": "CSV", **configuration}, _SETTINGS)
    uris: list[str] = configuration["destinationUris"]
    if len(uris) != 1 or "*" in uris[0]:
        raise ApiError(400, "invalid", "Several destination URIs are not imitated by the laptop cloud")
    table = TableId.of(configuration["sourceTable"])
    fields = find_table(cursor, table, now_ms)["schema"]["fields"]
    columns = ", ".join(
        f"CAST({quoted(field['name'])} AS VARCHAR) AS {quoted(field['name'])}"
        if field["type"] == "JSON"
        else quoted(field["name"])
        for field in fields
    )
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "extract.parquet"
        cursor.execute(f"COPY (SELECT {columns} FROM {table.sql}) TO '{path}' (FORMAT parquet)")
        write_object(uris[0], path)
    return {"destinationUriFileCounts": ["1"]}
