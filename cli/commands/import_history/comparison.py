"""Predicts what load will do with the plays of an export: load's own rule over a staging table that expires.

Files without a stored play near them are not staged: of a first import of ten years, some weeks are compared. The rule
is functions/load/queries/same_play.sql. When the plays arrive, load applies it again, and only that counts: another run
may have stored plays in between.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from google.cloud import bigquery

from cli.commands.import_history.landing import REACH, to_line, values_of
from cli.commands.import_history.queries import Span, spans_of
from cli.commands.import_history.reading.play_times import LATEST
from cli.commands.import_history.reading.spotify_rows import ExportedPlay
from cli.warehouse import Parameter, Warehouse, instants, integer, same_play_rule, string

SCHEMA = [
    bigquery.SchemaField(name, kind)
    for name, kind in {
        **{"file": "INTEGER", "listener_id": "STRING", "played_at": "TIMESTAMP", "track_id": "STRING"},
        **{"track_name": "STRING", "artist_name": "STRING", "album_name": "STRING", "source": "STRING"},
        **{"ms_played": "INTEGER", "reported_at": "TIMESTAMP"},
        **{"artist_names": "STRING", "duration_ms": "INTEGER", "isrc": "STRING"},
    }.items()
]
# Google's client sends up to 5 MB in one call.
_MOST_BYTES = 4_000_000


@dataclass(frozen=True)
class Comparison:
    """`outcomes`: of each file how many plays are new, completed and known."""

    outcomes: list[Counter[str]]
    stored: int = 0
    """Plays that are stored in the stretches the export covers."""
    missing: int = 0
    """Those of them that the export lacks: there should be none, it holds everything."""


def compare(
    warehouse: Warehouse, listener: str, files: Sequence[Sequence[ExportedPlay]], spans: Sequence[Span]
) -> Comparison:
    """`files`: plays, the oldest first. `spans`: the stretches in which the export holds everything."""
    if not files:
        return Comparison([])
    near, newest = files[0][0].played_at - REACH, files[-1][-1].played_at + REACH + LATEST
    around = [string("listener_id", listener), *instants(oldest=near - LATEST, newest=newest)]
    compared = {int(row.number): files[row.number] for row in warehouse.run("files_near_plays", *around, _spans(files))}
    with warehouse.staged(SCHEMA, _csv_parts(listener, compared)) as table:
        names = {"staging": f"`{table}`", "same_play": same_play_rule()}
        parameters: list[Parameter] = [*around, *instants(near=near), spans_of(spans)]
        rows = {row["file"]: row for row in warehouse.run("compare_import", *parameters, names=names)}
    outcomes = [
        Counter({name: rows[number][name] for name in ("new", "completed", "known")})
        if number in compared
        else Counter(new=len(plays))
        for number, plays in enumerate(files)
    ]
    return Comparison(outcomes, rows[None]["stored"], rows[None]["missing"] or 0)


def _spans(files: Sequence[Sequence[ExportedPlay]]) -> bigquery.ArrayQueryParameter:
    """@ranges: ARRAY<STRUCT<number INT64, begins_at TIMESTAMP, ends_at TIMESTAMP>>: all that a play may be near."""
    structs = [
        bigquery.StructQueryParameter(
            None,
            integer("number", number),
            *instants(begins_at=plays[0].played_at - REACH - LATEST, ends_at=plays[-1].played_at + REACH + LATEST),
        )
        for number, plays in enumerate(files)
    ]
    return bigquery.ArrayQueryParameter("ranges", "STRUCT", structs)


def _csv_parts(listener: str, files: Mapping[int, Sequence[ExportedPlay]]) -> Iterator[bytes]:
    names = [field.name for field in SCHEMA]
    part = bytearray()
    for number, plays in files.items():
        for play in plays:
            part += f"{to_line(names, {**values_of(play, listener), 'file': number})}\n".encode()
            if len(part) > _MOST_BYTES:
                yield bytes(part)
                part.clear()
    if part:
        yield bytes(part)
