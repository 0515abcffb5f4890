# ruff: noqa: S608 -- names are quoted, values are parameters
"""Load jobs: CSV or Parquet from gs:// into a table, whole or not at all. Extract jobs: a table to a Parquet object."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb

from localcloud.gcp.bigquery.catalog import Resource, find_table, mark_modified, replace_schema
from localcloud.gcp.bigquery.csv_files import PARSERS, CsvError, Options, read_csv
from localcloud.gcp.bigquery.googlesql.translate import TableId, quoted
from localcloud.gcp.bigquery.schema import Field, column_field, duckdb_type, field_of
from localcloud.gcp.bigquery.warehouse import Cursor, JobError, as_bigquery_error
from localcloud.web import ApiError

ReadObject = Callable[[str], Path]
WriteObject = Callable[[str, Path], None]

_SETTINGS: dict[str, tuple[Any, ...] | None] = {
    # What a job may say; None is anything. The rest is refused by name.
    "allowQuotedNewlines": None,
    "autodetect": (False,),
    "createDisposition": ("CREATE_NEVER",),
    "destinationTable": None,
    "maxBadRecords": None,
    "preserveAsciiControlCharacters": None,
    "schema": None,
    "skipLeadingRows": None,
    "sourceColumnMatch": ("NAME", "POSITION"),
    "sourceFormat": ("CSV", "PARQUET"),
    "sourceUris": None,
    "writeDisposition": ("WRITE_APPEND", "WRITE_TRUNCATE"),
}
_READING = "Error while reading data, error message: "


def run_load(
    cursor: Cursor, configuration: Resource, read_object: ReadObject, now_ms: int, uploaded: bytes | None
) -> Resource:
    """The job's statistics. Raises ApiError for what BigQuery refuses; the caller undoes everything then.

    `uploaded`: the CSV file that came with the job, in the place of its URIs.
    """
    configuration = {name: value for name, value in configuration.items() if value is not None}
    _refuse_other_settings(configuration, _SETTINGS)
    files = {uri: read_object(uri) for uri in configuration.get("sourceUris", [])}
    table = TableId.of(configuration["destinationTable"])
    resource = find_table(cursor, table, now_ms)
    fields = _load_fields(table, configuration, resource)
    if configuration.get("writeDisposition") == "WRITE_TRUNCATE":
        replace_schema(cursor, table, resource, fields)
    if configuration.get("sourceFormat") == "PARQUET":
        counts = [(_load_parquet(cursor, table, fields, uri, path), 0) for uri, path in files.items()]
        size = sum(path.stat().st_size for path in files.values())
    else:
        contents = {uri: path.read_bytes() for uri, path in files.items()}
        contents |= {} if uploaded is None else {"the uploaded file": uploaded}
        counts = [_load_csv(cursor, table, fields, configuration, uri, text) for uri, text in contents.items()]
        size = sum(map(len, contents.values()))
    mark_modified(cursor, table, resource, now_ms)
    return {
        "inputFiles": str(len(counts)),
        "inputFileBytes": str(size),
        "outputRows": str(sum(rows for rows, _ in counts)),
        "outputBytes": str(size),
        "badRecords": str(sum(bad for _, bad in counts)),
    }


def _refuse_other_settings(configuration: Resource, known: dict[str, tuple[Any, ...] | None]) -> None:
    for name, value in configuration.items():
        allowed = known.get(name, ())
        if allowed is not None and value not in allowed:
            raise ApiError(400, "invalid", f"The job setting {name}={value} is not imitated by the laptop cloud")


def _load_fields(table: TableId, configuration: Resource, resource: Resource) -> list[Field]:
    """The columns of the load: those of the job's schema, which has to fit a table that keeps its own."""
    existing: list[Field] = resource["schema"]["fields"]
    if "schema" not in configuration:
        return existing
    wanted = [column_field(field) for field in configuration["schema"]["fields"]]
    types = {field["name"].lower(): field["type"] for field in existing}
    for field in wanted if configuration.get("writeDisposition") != "WRITE_TRUNCATE" else ():
        have = types.get(field["name"].lower())
        if have != field["type"]:
            problem = f"changed type from {have} to {field['type']}" if have else "been added"
            message = f"Provided Schema does not match Table {table}. Field {field['name']} has {problem}"
            raise ApiError(400, "invalid", message)
    return wanted


def _load_csv(
    cursor: Cursor, table: TableId, fields: Sequence[Field], configuration: Resource, uri: str, content: bytes
) -> tuple[int, int]:
    """How many rows were loaded, and how many left out."""
    for field in fields:
        if field["type"] not in PARSERS:
            message = f"CSV for a column of type {field['type']} is not imitated by the laptop cloud"
            raise ApiError(400, "invalid", message)
    options = Options(
        skip_leading_rows=int(configuration.get("skipLeadingRows", 0)),
        match_by_name=configuration.get("sourceColumnMatch") == "NAME",
        allow_quoted_newlines=configuration.get("allowQuotedNewlines", False),
        preserve_control_characters=configuration.get("preserveAsciiControlCharacters", False),
        max_bad_records=int(configuration.get("maxBadRecords", 0)),
    )
    rows: list[list[Any]] = []
    bad: list[CsvError] = []
    try:
        rows.extend(read_csv(content, fields, options, bad))
    except CsvError as error:
        problems, read = bad or [error], len(rows) + max(len(bad), 1)
        summary = (
            f"{_READING}CSV table encountered too many errors, giving up. Rows: {read}; errors: {len(problems)}. "
            "Please look into the errors[] collection for more details."
        )
        raise _failure(uri, summary, *(f"{_READING}{problem} File: {uri}" for problem in problems)) from None
    if rows:  # all in one statement, a list for each column
        names = ", ".join(quoted(field["name"]) for field in fields)
        columns = ", ".join(f"unnest(CAST($c{n} AS {duckdb_type(field)}[]))" for n, field in enumerate(fields))
        lists = {f"c{n}": list(column) for n, column in enumerate(zip(*rows, strict=True))}
        cursor.execute(f"INSERT INTO {table.sql} ({names}) SELECT {columns}", lists)
    return len(rows), len(bad)


def _failure(uri: str, *messages: str) -> JobError:
    return JobError([{"reason": "invalid", "location": uri, "message": message} for message in messages])


def _load_parquet(cursor: Cursor, table: TableId, fields: Sequence[Field], uri: str, path: Path) -> int:
    """How many rows were loaded."""
    rows = f"read_parquet('{str(path).replace(chr(39), chr(39) * 2)}', hive_partitioning = false)"
    try:
        found = cursor.execute(f"SELECT * FROM {rows} LIMIT 0").description
    except duckdb.Error as error:
        raise _failure(uri, f"{_READING}{error} File: {uri}") from None
    present = _parquet_columns(uri, fields, [field_of(column[0], column[1]) for column in found])
    names = ", ".join(quoted(field["name"]) for field in present)
    values = ", ".join(f"CAST({quoted(field['name'])} AS {duckdb_type(field)})" for field in present)
    try:
        ((inserted,),) = cursor.execute(f"INSERT INTO {table.sql} ({names}) SELECT {values} FROM {rows}").fetchall()
    except duckdb.Error as error:
        raise _failure(uri, f"{_READING}{as_bigquery_error(error).message} File: {uri}") from None
    return int(inserted)


def _parquet_columns(uri: str, fields: Sequence[Field], in_file: Sequence[Field]) -> list[Field]:
    """The load's columns that the file has. A column it lacks is NULL; one that the table lacks is an error."""
    wanted = {field["name"].lower(): field for field in fields}
    for column in in_file:
        field = wanted.get(column["name"].lower())
        if field is None:
            raise _failure(uri, f"{_READING}No such field: {column['name']}. File: {uri}")
        if column["type"] != field["type"] and (column["type"], field["type"]) != ("STRING", "JSON"):
            problem = f"Parquet column '{field['name']}' has type {column['type']}, the table has {field['type']}."
            raise _failure(uri, f"{_READING}{problem} File: {uri}")
    names = {column["name"].lower() for column in in_file}
    return [field for field in fields if field["name"].lower() in names]


_EXTRACT_SETTINGS: dict[str, tuple[Any, ...] | None] = {
    "destinationFormat": ("PARQUET",),
    "destinationUris": None,
    "sourceTable": None,
}


def run_extract(cursor: Cursor, configuration: Resource, write_object: WriteObject, now_ms: int) -> Resource:
    """The job's statistics. Instants are written as microseconds in UTC, JSON as text."""
    _refuse_other_settings({"destinationFormat": "CSV", **configuration}, _EXTRACT_SETTINGS)
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
