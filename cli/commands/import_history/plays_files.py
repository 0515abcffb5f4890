"""The plays of an export as the CSV files that `load` takes, and where to cut so many plays into files. Pure.

Header and columns are those of the table file that ingest owns; functions/ingest/buckets.py writes the same form.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cli.commands.import_history.reading.spotify_rows import OF_IMPORT, PLAYS_TABLE, ExportedPlay

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
    names, of_run = columns(), {"run_id": run.run_id, "ingested_at": run.started_at}
    rows = ({**of_run, **values_of(play, run.listener), **_of_import(play, run.import_id)} for play in plays)
    return "".join(f"{line}\n" for line in [",".join(names), *(to_line(names, row) for row in rows)]).encode()


def _of_import(play: ExportedPlay, import_id: str) -> dict[str, str | None]:
    """A row of the API that was exported may not have the time heard."""
    has_time = play.row is None or play.ms_played is not None or play.reported_at is not None
    return dict(zip(OF_IMPORT, (import_id, import_id if has_time else None), strict=True))


def values_of(play: ExportedPlay, listener: str) -> dict[str, Any]:
    """A play by the columns of `plays`. A row that was exported keeps its run and all that it has."""
    if play.row is not None:
        return {**dict(zip(columns(), play.row, strict=True)), "listener_id": listener}
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
        case bool():
            return str(value).lower()
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z"
        case _:
            return str(value)
