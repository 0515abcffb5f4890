"""Writes the run's CSV to the landing bucket, and items that are not plays to the quarantine bucket.

The CSV is what the run landed, whichever attempt wrote it. Items are kept as they came, with the reason.
"""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud.storage import Blob, Bucket

from ingest_log import log
from plays import COLUMNS, KEY, RefusedItem, Row, key_of

_CALL_SECONDS = 60
_HEADER = f"{','.join(COLUMNS)}\n".encode()
# Python's CSV reader refuses more than 131,072 characters by default; no field is longer than its file.
# For the whole process: gaps.py reads such files too.
csv.field_size_limit(2**31 - 1)
# Spotify's own pages have seven. Python cannot write what is nested a thousand levels deep.
_LEVELS = 50


def object_name(run_id: str) -> str:
    """plays/2026/11/22/20261122T100000Z.csv"""
    return f"plays/{run_id[:4]}/{run_id[4:6]}/{run_id[6:8]}/{run_id}.csv"


@dataclass(frozen=True)
class LandedFile:
    """What the run's object holds."""

    plays_by_listener: Mapping[str, int]
    by_this_attempt: bool


class LandingContradiction(Exception):
    """Create failed because the object exists, read because it does not. The next attempt retries."""


class ForeignObject(Exception):
    """An object that ingest did not write has the name of the run's file."""


def land(bucket: Bucket, run_id: str, rows: Sequence[Row]) -> LandedFile | None:
    """Write the rows that no earlier attempt at the same slot has landed; None when nothing is landed.

    An attempt that was stopped may have landed less: a listener that it did not reach is polled by the next one. What
    is added makes a new generation of the object, and with it a new event for load.

    Raises LandingContradiction, ForeignObject.
    """
    blob = bucket.blob(object_name(run_id))
    if rows and _write(blob, to_csv(rows), generation=0):
        return LandedFile(Counter(row["listener_id"] for row in rows), by_this_attempt=True)
    try:
        # Afterwards the blob has the generation that was read.
        content = blob.download_as_bytes(timeout=_CALL_SECONDS)
    except NotFound:
        if rows:
            raise LandingContradiction(f"{blob.name} can be neither created nor read") from None
        return None
    held = {tuple(row[name] for name in KEY): row["listener_id"] for row in _parse(blob, content)}
    missing = [row for row in rows if tuple(_to_text(row[name]) for name in KEY) not in held]
    if missing and not _write(blob, content + _to_lines(missing), generation=blob.generation):
        raise LandingContradiction(f"{blob.name} was changed by another writer")
    listeners = Counter(held.values()) + Counter(row["listener_id"] for row in missing)
    return LandedFile(listeners, by_this_attempt=bool(missing))


def _parse(blob: Blob, content: bytes) -> list[dict[str, str]]:
    """The rows of the object, as far as they name the plays."""
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
        blob.upload_from_string(content, content_type="text/csv", if_generation_match=generation, timeout=_CALL_SECONDS)
    except PreconditionFailed:
        return False
    return True


def to_csv(rows: Sequence[Row]) -> bytes:
    """UTF-8, a header, rows in the order of their keys, so that equal plays make equal files."""
    return _HEADER + _to_lines(rows)


def _to_lines(rows: Sequence[Row]) -> bytes:
    file = io.BytesIO()  # line by line: one emoji makes four bytes of every character of a text that holds the file
    for row in sorted(rows, key=key_of):
        file.write(f"{to_line(row[name] for name in COLUMNS)}\n".encode())
    return file.getvalue()


def to_line(values: Iterable[Any]) -> str:
    """Text is always quoted, so that an empty text is not NULL, which is an empty field."""
    return ",".join('"' + it.replace('"', '""') + '"' if isinstance(it, str) else _to_text(it) for it in values)


def _to_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case _:
            return repr(value)


def quarantine_name(refused: RefusedItem) -> str:
    """The same item has the same name, however often its page comes back.

    What counts is when it was played and what it was, for figures like popularity change by the hour; else all of it.
    """
    identity = item = refused.item
    if isinstance(item, dict) and isinstance(item.get("played_at"), str):
        track = item.get("track")
        names = ("uri", "id", "name", "type")
        identity = [item["played_at"], [track.get(name) for name in names] if isinstance(track, dict) else track]
    canonical = json.dumps(_shallow(identity), sort_keys=True, separators=(",", ":"))
    return f"items/{refused.listener_id}/{hashlib.sha256(canonical.encode()).hexdigest()[:16]}.json"


def write_refused(bucket: Bucket, run_id: str, refused: Sequence[RefusedItem]) -> int:
    """Keep each item once, with one ERROR entry by the run that meets it first. How many this run met first."""
    items = {quarantine_name(item): item for item in refused}
    return sum(_keep(bucket, run_id, name, item) for name, item in items.items())


def _keep(bucket: Bucket, run_id: str, name: str, item: RefusedItem) -> bool:
    """Whether it is this run's to report: no earlier run kept the item."""
    content = {"reason": item.reason, "listener_id": item.listener_id, "run_id": run_id}
    blob = bucket.blob(name)
    blob.metadata = {"run_id": run_id}
    try:
        blob.upload_from_string(
            json.dumps({**content, "item": _shallow(item.item)}, indent=1),
            content_type="application/json",
            if_generation_match=0,
            timeout=_CALL_SECONDS,
        )
    except PreconditionFailed:
        # It may be this very run that kept it: an earlier attempt, or an upload whose answer was lost.
        kept = bucket.get_blob(name, timeout=_CALL_SECONDS)
        if kept is None or (kept.metadata or {}).get("run_id") != run_id:
            return False
    fields = {"run_id": run_id, "listener": item.listener_id, "reason": item.reason, "object": name}
    log("ERROR", "An item could not be read and is in the quarantine bucket", **fields)
    return True


def _shallow(value: Any, levels: int = _LEVELS) -> Any:
    """The item as it came, as far down as an item can mean anything."""
    if isinstance(value, dict | list) and levels == 0:
        return "…"
    if isinstance(value, dict):
        return {name: _shallow(part, levels - 1) for name, part in value.items()}
    return [_shallow(part, levels - 1) for part in value] if isinstance(value, list) else value
