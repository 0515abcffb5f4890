"""The landing bucket as `import` uses it: cuts plays into files of ingest's form and lands them; finds files of ingest
that are on their way; finds and deletes what an import has landed.
"""

import csv
import io
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud.storage import Blob

from buckets import object_name, to_line
from cli import google_clients
from cli.commands.import_history.reading.coverage import FirstPage
from cli.commands.import_history.reading.plays import Plays, to_ms
from cli.commands.import_history.reading.spotify_rows import FROM_EXPORT, OF_IMPORT, ExportedPlay
from cli.commands.import_history.records import Import
from cli.place import Place
from cli.warehouse import MOST_DAYS
from plays import COLUMNS
from slots import Run
from unloaded_files import fetch_unloaded

_ROWS = 25_000
REACH = timedelta(hours=2, seconds=90)
"""Plays on both sides of so long a pause cannot be one play: see functions/load/queries/same_play.sql."""

IMPORT_ID = "import_id"
"""The field of a file's metadata that names the import that landed it."""

SETTLED = timedelta(hours=2)
"""No run of ingest for a slot so old will still land a file: Cloud Scheduler's last try came within the hour."""

_CALL_SECONDS = 120
_SECOND = timedelta(seconds=1)
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True)
class LandedRun(Run):
    """What a file's rows carry. The slot is the run's identity, in whole seconds of UTC."""

    listener: str
    import_id: str


def cut(plays: Sequence[ExportedPlay], rows: int = _ROWS) -> list[Sequence[ExportedPlay]]:
    """Plays, the oldest first, in files of about so many rows.

    A file ends where nothing was played for two hours, so that no two files compete for one stored play; a file of
    twice the rows or of MOST_DAYS ends anyway.
    """
    instants = plays.played_at if isinstance(plays, Plays) else np.array([to_ms(play.played_at) for play in plays])
    pauses = np.flatnonzero(np.diff(instants) > REACH // _MS) + 1
    files, start = list[Sequence[ExportedPlay]](), 0
    while start < len(plays):
        too_late = int(np.searchsorted(instants, instants[start] + MOST_DAYS // _MS, "right"))
        after = pauses[np.searchsorted(pauses, start + rows) :]
        end = min(int(after[0]) if len(after) else len(plays), start + 2 * rows)
        if end > too_late:
            before = pauses[: np.searchsorted(pauses, too_late, "right")]
            end = int(before[-1]) if len(before) and before[-1] > start else too_late
        files.append(plays[start:end])
        start = end
    return files


def to_csv(plays: Sequence[ExportedPlay], run: LandedRun) -> bytes:
    def to_row(play: ExportedPlay) -> dict[str, Any]:
        row = {"run_id": run.run_id, "ingested_at": run.started_at, **values_of(play, run.listener)}
        # A row of the API that `export` has written may have nothing of an export by Spotify.
        has_more = row["source"] == "export" or any(row[name] is not None for name in FROM_EXPORT)
        return row | dict(zip(OF_IMPORT, (run.import_id, run.import_id if has_more else None), strict=True))

    return to_file(map(to_row, plays))


def to_file(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """UTF-8, a header, one line per row of `plays`. What an export does not tell is NULL, an empty field."""
    lines = [",".join(COLUMNS), *(to_line(map(row.get, COLUMNS)) for row in rows)]
    return "".join(f"{line}\n" for line in lines).encode()


def values_of(play: ExportedPlay, listener: str) -> dict[str, Any]:
    """A play by the columns of `plays`. A row that was exported keeps its run and all that it has."""
    if play.row is not None:
        return {**dict(zip(COLUMNS, play.row, strict=True)), "listener_id": listener}
    return {
        "listener_id": listener,
        "played_at": play.played_at,
        "track_id": play.track_id,
        "track_name": play.track_name,
        "artist_name": play.artist_name,
        "album_name": play.album_name,
        "ms_played": play.ms_played,
        "reported_at": play.reported_at,
        **play.manner._asdict(),
        "source": "export",
    }


class LandingBucket:
    """The landing bucket at one place. Files are written once; one that is there already is another run's."""

    def __init__(self, place: Place) -> None:
        self._bucket, _ = google_clients.landing_and_quarantine(place)

    def land(
        self,
        plays: Sequence[ExportedPlay],
        started: Import,
        started_at: datetime,
        before: datetime,
        taken: Container[str],
    ) -> LandedRun:
        """Land the plays under the newest slot before an instant that is free: no file is there, and no run of `taken`.

        The ledger's runs are taken for good. The file of an import that was undone is gone, but load would count
        another file in its place together with it.
        """
        slot = _slot_before(before)
        while True:
            run = LandedRun(slot, started_at, started.listener, started.import_id)
            if run.run_id not in taken and self._write(run, to_csv(plays, run)):
                return run
            slot = _slot_before(slot)

    def _write(self, run: LandedRun, content: bytes) -> bool:
        """False when another file has the name. Ours is there, too, if the answer to the first try was lost."""
        blob = self._bucket.blob(object_name(run.run_id))
        blob.metadata = {IMPORT_ID: run.import_id}
        try:
            blob.upload_from_string(content, content_type="text/csv", if_generation_match=0, timeout=_CALL_SECONDS)
        except PreconditionFailed:
            return bool(blob.download_as_bytes(timeout=_CALL_SECONDS) == content)
        return True


def _slot_before(instant: datetime) -> datetime:
    """Never at a full minute: those are the schedule's, whose run would find its file written."""
    slot = instant.replace(microsecond=0) - _SECOND
    return slot if slot.second else slot - _SECOND


def oldest_on_its_way(place: Place, listener: str) -> FirstPage | None:
    """Of files that ingest has landed and load has not recorded, the first with a play of the listener: its oldest."""
    now, (bucket, _) = place.now(), google_clients.landing_and_quarantine(place)
    for run_id in sorted(fetch_unloaded(google_clients.warehouse(place), now, now)):
        blob = bucket.get_blob(object_name(run_id), timeout=_CALL_SECONDS)
        if blob is None or IMPORT_ID in (blob.metadata or {}):
            continue
        rows = csv.DictReader(io.StringIO(blob.download_as_bytes(timeout=_CALL_SECONDS).decode(), newline=""))
        plays = [
            FirstPage(datetime.fromisoformat(row["played_at"]), row["track_id"], run_id)
            for row in rows
            if row["listener_id"] == listener
        ]
        if plays:
            return min(plays)
    return None


class LandedFiles:
    """What an import has landed, and what of it BigQuery refused: in both buckets, known by the metadata of the files.

    Raises Misused when nothing says which buckets they are.
    """

    def __init__(self, place: Place, import_id: str, started_at: datetime) -> None:
        ages = (timedelta(), SETTLED, SETTLED + timedelta(days=1))
        days = {f"{started_at - age:plays/%Y/%m/%d/}" for age in ages}
        buckets = google_clients.landing_and_quarantine(place)
        blobs = [blob for bucket in buckets for day in days for blob in bucket.list_blobs(prefix=day)]
        mine = {_csv_name(blob) for blob in blobs if (blob.metadata or {}).get(IMPORT_ID) == import_id}
        self._blobs = [blob for blob in blobs if _csv_name(blob) in mine]

    @property
    def run_ids(self) -> list[str]:
        return sorted({PurePosixPath(_csv_name(blob)).stem for blob in self._blobs})

    def delete(self) -> None:
        for blob in self._blobs:
            with suppress(NotFound):
                blob.delete(timeout=_CALL_SECONDS)


def _csv_name(blob: Blob) -> str:
    """Of the run's file: load keeps a refused one, and its reason, under longer names."""
    return str(blob.name).partition(".csv")[0] + ".csv"
