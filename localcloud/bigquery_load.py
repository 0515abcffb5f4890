"""Load jobs: CSV or Parquet from gs:// into a table, all of it or nothing."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from localcloud.bigquery_catalog import (
    Cursor,
    Resource,
    TableId,
    create_table,
    find_table,
    logical_bytes,
    mark_modified,
    replace_schema,
)
from localcloud.bigquery_csv import CsvError, Options, read_csv
from localcloud.bigquery_jobs import JobError, Outcome
from localcloud.bigquery_types import Field, canonical_field, duckdb_type, quoted
from localcloud.web import ApiError

ReadObject = Callable[[str], bytes | Path]
WriteObject = Callable[[str, Path], None]

_KNOWN_SETTINGS = {
    "allowJaggedRows",
    "allowQuotedNewlines",
    "autodetect",
    "createDisposition",
    "destinationTable",
    "encoding",
    "fieldDelimiter",
    "ignoreUnknownValues",
    "maxBadRecords",
    "nullMarker",
    "preserveAsciiControlCharacters",
    "quote",
    "schema",
    "skipLeadingRows",
    "sourceColumnMatch",
    "sourceFormat",
    "sourceUris",
    "writeDisposition",
}


def run_load(cursor: Cursor, configuration: Resource, read_object: ReadObject, now_ms: int) -> Outcome:
    table = TableId.of(configuration["destinationTable"])
    resource = _destination(cursor, table, configuration, now_ms)
    ...
