"""The plays of an export as the CSV files that `load` takes, and where to cut so many plays into files. Pure.

Header and columns are those of the table file that ingest owns; functions/ingest/landing.py writes the same form.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cli.export_rows import PLAYS_TABLE, ExportedPlay

# BigQuery modifies at most 4,000 partitions in one job, and a partition is a day:
# https://cloud.google.com/bigquery/quotas#partitioned_tables
_MOST_DAYS = timedelta(days=3500)
_ROWS = 25_000
REACH = timedelta(hours=2, seconds=90)
"""Plays on both sides of so long a silence cannot be one: see functions/load/queries/same_play.sql."""


@dataclass(frozen=True)
class Run:
    """What a file's rows carry. The slot is the run's identity, in whole seconds of UTC."""

    listener: str
    slot: datetime
    started_at: datetime
    import_id: str

    @property
    def run_id(self) -> str:
        return f"{self.slot:%Y%m%dT%H%M%SZ}"

    @property
    def object_name(self) -> str:
        return f"{self.slot:plays/%Y/%m/%d}/{self.run_id}.csv"


def cut(plays: Sequence[ExportedPlay], rows: int = _ROWS) -> list[list[ExportedPlay]]:
    """Plays, the oldest first, in files of about so many rows.

    A file ends where nothing was heard for two hours, so that no two files compete for one stored play; a file of twice
    the rows ends anyway.
    """
    files: list[list[ExportedPlay]] = []
    for play in plays:
        if not files or _ends_before(files[-1], play, rows):
            files.append([])
        files[-1].append(play)
    return files


def _ends_before(file: Sequence[ExportedPlay], next_play: ExportedPlay, rows: int) -> bool:
    is_full = len(file) >= rows or next_play.played_at - file[0].played_at > _MOST_DAYS
    return is_full and (next_play.played_at - file[-1].played_at > REACH or len(file) >= 2 * rows)


def columns() -> list[str]:
    return [column["name"] for column in PLAYS_TABLE["columns"]]


def to_csv(plays: Sequence[ExportedPlay], run: Run) -> bytes:
    """UTF-8, a header, one line per play. What an export does not tell is NULL, an empty field."""
    names, of_run = columns(), {"run_id": run.run_id, "ingested_at": run.started_at, **of_import(run.import_id)}
    lines = [",".join(names), *(to_line(names, {**values_of(play, run.listener), **of_run}) for play in plays)]
    return "".join(f"{line}\n" for line in lines).encode()


def of_import(import_id: str) -> dict[str, str]:
    """The columns by which an import can be undone, of a row that tells the time heard."""
    return {"import_id": import_id, "ms_played_import_id": import_id}


def values_of(play: ExportedPlay, listener: str) -> dict[str, Any]:
    """A play by the columns of `plays`."""
    return {
        "listener_id": listener,
        "played_at": play.played_at,
        "track_id": play.track_id,
        "track_name": play.track_name,
        "artist_name": play.artist_name,
        "album_name": play.album_name,
        "ms_played": play.ms_played,
        "reported_at": play.reported_at,
        "source": "export",
    }


def to_line(names: Sequence[str], values: Mapping[str, Any]) -> str:
    return ",".join(_to_field(values.get(name)) for name in names)


def _to_field(value: Any) -> str:
    """Text is always quoted, so that an empty text is not NULL."""
    match value:
        case None:
            return ""
        case str():
            return '"' + value.replace('"', '""') + '"'
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z"
        case _:
            return str(value)
