"""Predicts what load will do with the plays of an export: load's own rule over a staging table that expires.

Files without a stored play near them are not staged: of a first import of ten years, some weeks are compared. The rule
is functions/load/queries/same_play.sql. When the plays arrive, load applies it again, and only that counts: another run
may have stored plays in between.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from google.cloud import bigquery

from buckets import to_line
from cli.commands.import_history.landing import REACH, values_of
from cli.commands.import_history.reading.coverage import Span
from cli.commands.import_history.reading.play_times import LATEST
from cli.commands.import_history.reading.plays import to_instant
from cli.commands.import_history.reading.spotify_rows import ExportedPlay
from cli.console import counted, say
from cli.warehouse import Parameter, Warehouse, instants, integer, same_play_rule, string, structs
from plays import COLUMNS

_COMPARED = (
    *("listener_id", "played_at", "track_id", "track_name", "artist_name", "album_name", "source", "ms_played"),
    *("reported_at", "artist_names", "duration_ms", "isrc"),
)
SCHEMA = [
    bigquery.SchemaField("file", "INTEGER"),
    *(bigquery.SchemaField(name, COLUMNS[name]) for name in _COMPARED),
]
# Google's client sends up to 5 MB in one call.
_MOST_BYTES = 4_000_000
# The plays around the ends say whose export it is, and whether it holds everything.
_AROUND = timedelta(days=1)


@dataclass(frozen=True)
class Comparison:
    """`outcomes`: of each file how many plays are new, completed and known."""

    outcomes: list[Counter[str]]
    stored: int = 0
    """Plays that are stored in the stretches the export covers."""
    missing: int = 0
    """Those of them that the export lacks: there should be none, it holds everything."""


def fetch_stored_times(warehouse: Warehouse, listener: str, spans: Sequence[Span]) -> list[tuple[int, int]]:
    """Of plays stored in the time of these stretches, the oldest first: the instant and a hash of the track id."""
    if not spans:
        return []
    around = instants(oldest=to_instant(spans[0][0]) - _AROUND, newest=to_instant(spans[-1][1]) + _AROUND)
    rows = warehouse.run("stored_times", string("listener_id", listener), *around)
    return sorted((row.instant, hash(row.track_id)) for row in rows)


def compare(
    warehouse: Warehouse, listener: str, files: Sequence[Sequence[ExportedPlay]], spans: Sequence[Span]
) -> Comparison:
    """`files`: plays, the oldest first. `spans`: the stretches in which the export holds everything; may be empty."""
    if not files:
        return Comparison([])
    say(f"Comparing {counted(sum(map(len, files)), 'play')} with what is stored …")
    near, newest = files[0][0].played_at - REACH, files[-1][-1].played_at + REACH + LATEST
    around = [string("listener_id", listener), *instants(oldest=near - LATEST, newest=newest)]
    # All that a play may be near.
    ranges = (
        [
            integer("number", number),
            *instants(begins_at=plays[0].played_at - REACH - LATEST, ends_at=plays[-1].played_at + REACH + LATEST),
        ]
        for number, plays in enumerate(files)
    )
    near_plays = warehouse.run("files_near_plays", *around, structs("ranges", ranges))
    compared = {int(row.number): files[row.number] for row in near_plays}
    # Google's client sends no empty array of structs: the first instant of 1970 stands for no time at all.
    at = spans or [(0, 0)]
    stretches = (instants(begins_at=to_instant(first), ends_at=to_instant(last)) for first, last in at)
    with warehouse.staged(SCHEMA, _csv_parts(listener, compared)) as table:
        names = {"staging": f"`{table}`", "same_play": same_play_rule()}
        parameters: list[Parameter] = [*around, *instants(near=near), structs("spans", stretches)]
        rows = {row["file"]: row for row in warehouse.run("compare_import", *parameters, names=names)}
    outcomes = [
        Counter({name: rows[number][name] for name in ("new", "completed", "known")})
        if number in compared
        else Counter(new=len(plays))
        for number, plays in enumerate(files)
    ]
    return Comparison(outcomes, rows[None]["stored"], rows[None]["missing"] or 0)


def _csv_parts(listener: str, files: Mapping[int, Sequence[ExportedPlay]]) -> Iterator[bytes]:
    part = bytearray()
    for number, plays in files.items():
        for play in plays:
            row = {**values_of(play, listener), "file": number}
            part += f"{to_line(map(row.get, ('file', *_COMPARED)))}\n".encode()
            if len(part) > _MOST_BYTES:
                yield bytes(part)
                part.clear()
    if part:
        yield bytes(part)
