"""What earlier runs have landed, loaded or not: asked only for a page that overlaps nothing stored.

Load may not have come to a file yet. Its plays are no gap, and a gap may begin with them.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.cloud import bigquery
from google.cloud.storage import Blob, Bucket

from buckets import object_name
from ingest_log import log
from ingest_queries import run_query, timestamp
from plays import KEY
from slots import Run
from unloaded_files import fetch_unloaded

_SECONDS = 60
# As long as Eventarc tries to deliver an event.
_LOADED_WITHIN = timedelta(hours=24)
# An import names its files by an instant two hours before it, and files may land an hour late.
_NAMED_EARLIER = timedelta(hours=3)
# Files are read in pieces, because a day of them, imports too, can be more than the function's memory. No run writes a
# file of the second size, not with a thousand listeners: whatever it is, it must not cost the run its time and memory.
_PIECE_BYTES, _MOST_BYTES = 2**20, 64 * 2**20


@dataclass(frozen=True, slots=True)
class LandedPlay:
    """A play in a file. `import_id`: of the import that landed the file; None for ingest's own."""

    listener_id: str
    played_at: datetime
    import_id: str | None = None


def fetch_landed(client: bigquery.Client, bucket: Bucket, run: Run) -> Iterator[LandedPlay]:
    """Each play in the files that are on their way to the warehouse, or were within a day.

    A play that is left out can only lead to a gap that is none, never the other way round.
    """
    for blob in _blobs(client, bucket, run):
        if _is_readable(blob):
            yield from _plays(blob)


def _blobs(client: bigquery.Client, bucket: Bucket, run: Run) -> Iterator[Blob]:
    """The files of the last day, but for those that BigQuery refused; older ones, if they will be sent again."""
    since = run.slot - _LOADED_WITHIN
    named_since = since - _NAMED_EARLIER
    refused = {row.run_id for row in run_query(client, "refused_runs", timestamp("since", named_since))}
    yield from (blob for blob in _listed(bucket, named_since, run.slot) if _run_id(blob) not in refused)
    for row in fetch_unloaded(client, run, since):
        if blob := bucket.get_blob(object_name(row.run_id), timeout=_SECONDS):
            yield blob


def _listed(bucket: Bucket, since: datetime, until: datetime) -> Iterator[Blob]:
    """Run ids are instants, so their order is the order of time."""
    for day in range((until.date() - since.date()).days + 1):
        for blob in bucket.list_blobs(prefix=f"plays/{since + timedelta(day):%Y/%m/%d}/", timeout=_SECONDS):
            if f"{since:%Y%m%dT%H%M%SZ}" <= _run_id(blob) <= f"{until:%Y%m%dT%H%M%SZ}":
                yield blob


def _run_id(blob: Blob) -> str:
    return str(blob.name).rpartition("/")[2].removesuffix(".csv")


def _is_readable(blob: Blob) -> bool:
    if blob.size <= _MOST_BYTES:
        return True
    log("WARNING", "A file in the landing bucket is too large to be looked at", object=blob.name, bytes=blob.size)
    return False


def _plays(blob: Blob) -> Iterator[LandedPlay]:
    """Up to the first row that cannot be read: what comes after it is not ingest's, and load says so."""
    try:
        with blob.open("rt", chunk_size=_PIECE_BYTES, encoding="utf-8", newline="", timeout=_SECONDS) as file:
            for row in csv.DictReader(file):
                listener_id, played_at, _ = (row[name] for name in KEY)
                yield LandedPlay(listener_id, _instant(played_at), row.get("import_id") or None)
    except (UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError):
        return


def _instant(text: str) -> datetime:
    """Without a time zone it is UTC, as BigQuery reads it."""
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
