"""What earlier runs have landed, loaded or not: asked only for a page that overlaps nothing stored.

Load may not have come to a file yet. Its plays are no gap, and a gap may begin with them.
"""

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta

from google.cloud import bigquery
from google.cloud.storage import Bucket

from ingest_queries import run_query, timestamp
from plays import Key
from slots import Run

_SECONDS = 60
# As long as Eventarc tries to deliver an event. What is not loaded by then is lost to the warehouse.
_LOADED_WITHIN = timedelta(hours=24)


def fetch_landed(client: bigquery.Client, bucket: Bucket, run: Run) -> set[Key]:
    """Keys of the plays in the files of the last day, without the files that BigQuery refused."""
    since = run.slot - _LOADED_WITHIN
    refused = {row.run_id for row in run_query(client, "refused_runs", timestamp("since", since))}
    return {
        key
        for name in _object_names(bucket, since, run.slot)
        if _run_id(name) not in refused
        for key in _keys(bucket.blob(name).download_as_bytes(timeout=_SECONDS))
    }


def _object_names(bucket: Bucket, since: datetime, until: datetime) -> Iterator[str]:
    """Run ids are instants, so their order is the order of time."""
    for day in range((until.date() - since.date()).days + 1):
        for blob in bucket.list_blobs(prefix=f"plays/{since + timedelta(day):%Y/%m/%d}/", timeout=_SECONDS):
            if f"{since:%Y%m%dT%H%M%SZ}" <= _run_id(blob.name) <= f"{until:%Y%m%dT%H%M%SZ}":
                yield blob.name


def _run_id(object_name: str) -> str:
    return object_name.rpartition("/")[2].removesuffix(".csv")


def _keys(content: bytes) -> list[Key]:
    """Of a file that ingest did not write there are none: load refuses it, and says so."""
    try:
        rows = csv.DictReader(io.StringIO(content.decode(), newline=""))
        return [(row["listener_id"], datetime.fromisoformat(row["played_at"]), row["track_id"]) for row in rows]
    except (UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError):
        return []
