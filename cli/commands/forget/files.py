"""Deletes a listener's rows from the landing and quarantine buckets; other listeners' rows in the same files stay."""

import csv
import io
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, filterfalse
from typing import Any, Literal

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud.storage import Blob

from cli import google_clients
from cli.commands.forget.rows import is_named
from cli.console import say
from cli.place import Place

Change = Literal["deleted", "rewritten", "unreadable", "overtaken"]
"""overtaken: another process wrote or deleted it at the same moment, and only another pass finds what is there now."""

_CALL_SECONDS = 60
_AT_ONCE = 8
_REPORTED_EVERY = 500
_REASON = ".reason.json"
_ITEM = re.compile(r"items/[^/]+/[0-9a-f]{16}\.json")
_ADDRESS = re.compile(r"gs://\S+")


class Objects:
    """Both buckets at one place. An object that was looked through once is not looked through again."""

    def __init__(self, place: Place) -> None:
        self._buckets = google_clients.landing_and_quarantine(place)
        self._clean: set[tuple[str, str, int]] = set()

    def forget(self, listener: str) -> list[tuple[str, Change]]:
        """One pass over everything that is new since the last pass: names of objects, and what became of them."""
        found: list[tuple[str, Change]] = []
        for bucket in self._buckets:
            blobs = [blob for blob in bucket.list_blobs(timeout=_CALL_SECONDS) if _identity(blob) not in self._clean]
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                # Reasons first, while the files beside them are there, which say whether one may quote their rows.
                parts = (filter(_is_reason, blobs), filterfalse(_is_reason, blobs))
                changes = chain.from_iterable(pool.map(partial(_forget_in, listener), part) for part in parts)
                for number, change in enumerate(changes, start=1):
                    if number % _REPORTED_EVERY == 0:
                        say(f"… looked through {number:,} of {len(blobs):,} files")
                    if change is not None:
                        found.append((blobs[number - 1].name, change))
            self._clean |= {_identity(blob) for blob in blobs}
        return found


def _identity(blob: Blob) -> tuple[str, str, int]:
    return blob.bucket.name, blob.name, blob.generation


def _is_reason(blob: Blob) -> bool:
    return bool(blob.name.endswith(_REASON))


def _forget_in(listener: str, blob: Blob) -> Change | None:
    """None for an object that has nothing of the listener's."""
    try:
        if blob.name.startswith(f"items/{listener}/"):
            return _delete(blob)
        # Everything but others' items is looked through: a person may have put a file anywhere.
        if _ITEM.fullmatch(blob.name):
            return None
        content = blob.download_as_bytes(if_generation_match=blob.generation, timeout=_CALL_SECONDS)
        if _is_reason(blob):
            is_quoted = any(is_named(listener, text) for text in _quoting(content)) or _is_beside_rows(blob, listener)
            return _delete(blob) if is_quoted else None
        return _forget_rows(blob, content, listener)
    except (NotFound, PreconditionFailed):
        return "overtaken"


def _is_beside_rows(reason: Blob, listener: str) -> bool:
    """Whether the refused file has rows of the listener's: BigQuery quotes a value without the name of its row."""
    try:
        content = reason.bucket.blob(reason.name.removesuffix(_REASON)).download_as_bytes(timeout=_CALL_SECONDS)
        return without(content, listener)[1] > 0
    except (NotFound, ValueError):
        return False


def _quoting(content: bytes) -> Iterator[str]:
    """Of a reason, as load writes it, the words of BigQuery's that may quote a row of the file beside it.

    They name the file, too, whose address is not a listener's name. What load has not written may quote a row anywhere.
    """
    text = content.decode(errors="replace")
    try:
        reason = json.loads(text)
    except (ValueError, RecursionError):
        reason = None
    if not isinstance(reason, dict):
        yield text
        return
    for part in _texts([reason.get("message"), reason.get("errors")]):
        yield _ADDRESS.sub("", part)


def _texts(value: Any) -> Iterator[str]:
    """Every text in it. A value's key is not a text of its own."""
    match value:
        case str():
            yield value
        case list():
            for each in value:
                yield from _texts(each)
        case dict():
            yield from _texts(list(value.values()))


def _forget_rows(blob: Blob, content: bytes, listener: str) -> Change | None:
    # Most files need no parsing; only parsing shows whose rows a file holds.
    if listener.encode() not in content:
        return None
    try:
        kept, own, others = without(content, listener)
    except ValueError:
        return "unreadable" if is_named(listener, content.decode(errors="replace")) else None
    if not own:
        return None
    if not others:
        return _delete(blob)
    blob.upload_from_string(
        kept, content_type="text/csv", if_generation_match=blob.generation, timeout=_CALL_SECONDS, checksum="crc32c"
    )
    return "rewritten"


def without(content: bytes, listener: str) -> tuple[bytes, int, int]:
    """The file without the listener's rows, and how many rows were the listener's and how many others'.

    What stays, stays as it was, to the byte. Raises ValueError when the file does not say whose its rows are.
    """
    lines = list(io.StringIO(content.decode(), newline=""))
    reader, records, read = csv.reader(lines, strict=True), list[tuple[list[str], str]](), 0
    try:
        for row in reader:
            records.append((row, "".join(lines[read : reader.line_num])))
            read = reader.line_num
    except csv.Error as error:
        raise ValueError(str(error)) from None
    if not records or "listener_id" not in records[0][0]:
        raise ValueError("the file does not say whose its rows are")
    place = records[0][0].index("listener_id")
    kept = [(row, text) for row, text in records[1:] if row[place : place + 1] != [listener]]
    content = "".join([records[0][1], *(text for _, text in kept)]).encode()
    # A blank line is not counted as a row.
    return content, len(records) - 1 - len(kept), sum(bool(row) for row, _ in kept)


def _delete(blob: Blob) -> Change:
    blob.delete(if_generation_match=blob.generation, timeout=_CALL_SECONDS)
    return "deleted"
