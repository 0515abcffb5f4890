"""Puts the files of an import where `load` finds them: each under a run id that no other run has."""

from collections.abc import Container, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud.storage import Blob, Bucket

from cli import google_clients
from cli.commands.import_history.plays_files import Run, to_csv
from cli.commands.import_history.reading.spotify_rows import ExportedPlay
from cli.commands.import_history.records import Import
from cli.errors import Misused
from cli.place import Place

IMPORT_ID = "import_id"
"""The field of a file's metadata that names the import that landed it."""

SETTLED = timedelta(hours=2)
"""No run of ingest for a slot so old will still land a file: Cloud Scheduler's last try came within the hour."""

_SECONDS = 120
_SECOND = timedelta(seconds=1)


class LandingBucket:
    """The landing bucket at one place. Files are written once; one that is there already is somebody else's."""

    def __init__(self, place: Place) -> None:
        name = place.settings.get("LANDING_BUCKET")
        if not name:
            raise Misused(
                "Which bucket do new plays land in? Set LANDING_BUCKET, or apply terraform/ first: its outputs are "
                "read."
            )
        self._bucket: Bucket = google_clients.storage(place).bucket(name)

    def land(
        self,
        plays: Sequence[ExportedPlay],
        started: Import,
        started_at: datetime,
        before: datetime,
        taken: Container[str],
    ) -> Run:
        """Land the plays under the newest slot before an instant that is free: no file is there, and no run of `taken`.

        The ledger's runs are taken for good. The file of an import that was undone is gone, but load would count
        another file in its place together with it.
        """
        slot = _slot_before(before)
        while True:
            run = Run(started.listener, slot, started_at, started.import_id)
            if run.run_id not in taken and self._write(run, to_csv(plays, run)):
                return run
            slot = _slot_before(slot)

    def _write(self, run: Run, content: bytes) -> bool:
        """False when another file has the name. Ours is there, too, if the answer to the first try was lost."""
        blob = self._bucket.blob(run.object_name)
        blob.metadata = {IMPORT_ID: run.import_id}
        try:
            blob.upload_from_string(content, content_type="text/csv", if_generation_match=0, timeout=_SECONDS)
        except PreconditionFailed:
            return bool(blob.download_as_bytes(timeout=_SECONDS) == content)
        return True


def _slot_before(instant: datetime) -> datetime:
    """Never at a full minute: those are the schedule's, whose run would find its file written."""
    slot = instant.replace(microsecond=0) - _SECOND
    return slot if slot.second else slot - _SECOND


class LandedFiles:
    """What an import has landed, and what of it BigQuery refused: in both buckets, known by the metadata of the files.

    Raises Misused when nothing says which buckets they are.
    """

    def __init__(self, place: Place, import_id: str, started_at: datetime) -> None:
        client = google_clients.storage(place)
        names = [place.settings.get(name) for name in ("LANDING_BUCKET", "QUARANTINE_BUCKET")]
        if not all(names):
            raise Misused(
                "Which buckets hold the files? Set LANDING_BUCKET and QUARANTINE_BUCKET, or apply terraform/."
            )
        days = {f"{started_at - before:plays/%Y/%m/%d/}" for before in (SETTLED, SETTLED + timedelta(days=1))}
        blobs = [blob for name in names for day in days for blob in client.bucket(name).list_blobs(prefix=day)]
        mine = {_csv_name(blob) for blob in blobs if (blob.metadata or {}).get(IMPORT_ID) == import_id}
        self._blobs = [blob for blob in blobs if _csv_name(blob) in mine]

    @property
    def run_ids(self) -> list[str]:
        return sorted({PurePosixPath(_csv_name(blob)).stem for blob in self._blobs})

    def delete(self) -> None:
        for blob in self._blobs:
            with suppress(NotFound):
                blob.delete(timeout=_SECONDS)


def _csv_name(blob: Blob) -> str:
    """Of the run's file: load keeps a refused one, and its reason, under longer names."""
    return str(blob.name).partition(".csv")[0] + ".csv"
