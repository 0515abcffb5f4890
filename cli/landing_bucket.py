"""Puts the files of an import where `load` finds them: each under a run id that no other run has."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from google.api_core.exceptions import PreconditionFailed
from google.cloud.storage import Bucket

from cli import google_clients
from cli.errors import Misused
from cli.export_rows import ExportedPlay
from cli.place import Place
from cli.plays_files import Run, to_csv

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

    def land(self, plays: Sequence[ExportedPlay], listener: str, started_at: datetime, before: datetime) -> Run:
        """Land the plays under the newest free slot before an instant."""
        slot = _slot_before(before)
        while True:
            run = Run(listener, slot, started_at)
            if self._write(run.object_name, to_csv(plays, run)):
                return run
            slot = _slot_before(slot)

    def _write(self, name: str, content: bytes) -> bool:
        """False when somebody else's file has the name. Ours is there, too, if the answer to our first try was lost."""
        blob = self._bucket.blob(name)
        try:
            blob.upload_from_string(content, content_type="text/csv", if_generation_match=0, timeout=_SECONDS)
        except PreconditionFailed:
            return bool(blob.download_as_bytes(timeout=_SECONDS) == content)
        return True


def _slot_before(instant: datetime) -> datetime:
    """Never at a full minute: those are the schedule's, whose run would find its file written."""
    slot = instant.replace(microsecond=0) - _SECOND
    return slot if slot.second else slot - _SECOND
