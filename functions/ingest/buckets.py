"""The landing bucket: one CSV per run; what it holds is what the run landed, whoever wrote it."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud.storage import Blob, Bucket

from plays import COLUMNS, KEY, Row, key_of

_SECONDS = 60
_HEADER = f"{','.join(COLUMNS)}\n".encode()
# Python's CSV reader gives up at 131,072 characters unless told otherwise; no field is longer than its file.
csv.field_size_limit(2**31 - 1)


def object_name(run_id: str) -> str:
    """plays/2026/11/22/20261122T100000Z.csv"""
    return f"plays/{run_id[:4]}/{run_id[4:6]}/{run_id[6:8]}/{run_id}.csv"


@dataclass(frozen=True)
class Landed:
    """What the run's object holds."""

    plays_by_listener: Mapping[str, int]
    by_this_attempt: bool


class LandingContradiction(Exception):  # noqa: N818 -- reads as what happened
    """Cloud Storage has and has not the object; the next attempt asks again."""


class ForeignObject(Exception):  # noqa: N818 -- reads as what happened
    """Somebody else's object has the name of the run's file."""


def land(bucket: Bucket, run_id: str, rows: Sequence[Row]) -> Landed | None:
    """Write the rows that no earlier attempt at the same slot has landed; None when nothing is landed.

    An attempt that was stopped may have landed less: a listener whom it did not reach is heard by the next one. What
    is added makes a new generation of the object, and with it a new event for load.

    Raises LandingContradiction, ForeignObject.
    """
    blob = bucket.blob(object_name(run_id))
    if rows and _write(blob, to_csv(rows), generation=0):
        return Landed(Counter(row["listener_id"] for row in rows), by_this_attempt=True)
    content = _read(blob)
    if content is None and rows:
        raise LandingContradiction(f"{blob.name} can be neither created nor read")
    return None if content is None else _add(blob, content, rows)


def _add(blob: Blob, content: bytes, rows: Sequence[Row]) -> Landed:
    held = {tuple(row[name] for name in KEY): row["listener_id"] for row in _parse(blob, content)}
    missing = [row for row in rows if tuple(_to_text(row[name]) for name in KEY) not in held]
    if missing and not _write(blob, content + _to_lines(missing), generation=blob.generation):
        raise LandingContradiction(f"{blob.name} was changed by somebody else")
    listeners = Counter(held.values()) + Counter(row["listener_id"] for row in missing)
    return Landed(listeners, by_this_attempt=bool(missing))


def _parse(blob: Blob, content: bytes) -> list[dict[str, str]]:
    """The rows of the object, as far as they tell whose plays they are."""
    try:
        rows = csv.DictReader(io.StringIO(content.decode(), newline=""))
        keys = [{name: row[name] for name in KEY} for row in rows]
    except (UnicodeDecodeError, csv.Error, KeyError):
        keys = []
    # Ingest lands no file without a play; and what is added must begin on a line of its own, under its own header.
    is_ours = content.startswith(_HEADER) and content.endswith(b"\n") and keys
    if not is_ours or not all(all(key.values()) for key in keys):
        raise ForeignObject(
            f"The object {blob.name} in the landing bucket was not written by ingest: delete it. "
            "The next run lands the plays of this one."
        )
    return keys


def _write(blob: Blob, content: bytes, generation: int) -> bool:
    """False when there was another generation before. Ours, too, if the answer to our first call was lost."""
    try:
        blob.upload_from_string(content, content_type="text/csv", if_generation_match=generation, timeout=_SECONDS)
    except PreconditionFailed:
        return False
    return True


def _read(blob: Blob) -> bytes | None:
    """Afterwards the blob knows which generation this was."""
    try:
        return bytes(blob.download_as_bytes(timeout=_SECONDS))
    except NotFound:
        return None


def to_csv(rows: Sequence[Row]) -> bytes:
    """UTF-8, a header, rows in the order of their keys, so that equal plays make equal files."""
    return _HEADER + _to_lines(rows)


def _to_lines(rows: Sequence[Row]) -> bytes:
    file = io.BytesIO()  # line by line: one emoji makes four bytes of every character of a text that holds the file
    for row in sorted(rows, key=key_of):
        file.write(f"{_to_line(row)}\n".encode())
    return file.getvalue()


def _to_line(row: Row) -> str:
    return ",".join(_to_field(row[name]) for name in COLUMNS)


def _to_field(value: Any) -> str:
    """NULL is an empty field. Text is always quoted, so that an empty text is not NULL."""
    match value:
        case None:
            return ""
        case str():
            return '"' + value.replace('"', '""') + '"'
        case _:
            return _to_text(value)


def _to_text(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z"
        case _:
            return repr(value)
