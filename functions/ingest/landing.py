"""The landing bucket: one CSV per run, written once; what it holds is what the run landed, whoever wrote it."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud.storage import Bucket

from plays import COLUMNS, Row, key_of

_SECONDS = 60


def object_name(run_id: str) -> str:
    """plays/2026/11/22/20261122T100000Z.csv"""
    return f"plays/{run_id[:4]}/{run_id[4:6]}/{run_id[6:8]}/{run_id}.csv"


@dataclass(frozen=True)
class Landed:
    """What the run's object holds."""

    plays_by_listener: Mapping[str, int]
    by_this_attempt: bool


def land(bucket: Bucket, run_id: str, rows: Sequence[Row]) -> Landed | None:
    """Write the rows, unless an earlier attempt at the same slot has landed some; None when nothing is landed."""
    if rows and _write(bucket, run_id, rows):
        return Landed(Counter(row["listener_id"] for row in rows), by_this_attempt=True)
    return _read(bucket, run_id)


def _write(bucket: Bucket, run_id: str, rows: Sequence[Row]) -> bool:
    """False when the object was there before. Ours, too, if the answer to our first call was lost."""
    try:
        bucket.blob(object_name(run_id)).upload_from_string(
            to_csv(rows), content_type="text/csv", if_generation_match=0, timeout=_SECONDS
        )
    except PreconditionFailed:
        return False
    return True


def _read(bucket: Bucket, run_id: str) -> Landed | None:
    try:
        content = bucket.blob(object_name(run_id)).download_as_bytes(timeout=_SECONDS)
    except NotFound:
        return None
    rows = csv.DictReader(io.StringIO(content.decode(), newline=""))
    return Landed(Counter(row["listener_id"] for row in rows), by_this_attempt=False)


def to_csv(rows: Sequence[Row]) -> bytes:
    """UTF-8, a header, rows in the order of their keys, so that equal plays make equal files."""
    lines = [",".join(COLUMNS), *(_to_line(row) for row in sorted(rows, key=key_of))]
    return "".join(f"{line}\n" for line in lines).encode()


def _to_line(row: Row) -> str:
    return ",".join(_to_field(row[name]) for name in COLUMNS)


def _to_field(value: Any) -> str:
    """NULL is an empty field. Text is always quoted, so that an empty text is not NULL."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + value.replace('"', '""') + '"'
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z"
        case _:
            return repr(value)
