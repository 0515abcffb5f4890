"""Queries of an import, and the ledger row that it writes; the plays are stored by load."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from google.cloud import bigquery

from cli.commands.import_history.landing import Run
from cli.commands.import_history.reading import coverage
from cli.commands.import_history.reading.coverage import Gap
from cli.commands.import_history.reading.plays import to_instant
from cli.warehouse import Warehouse, instants, integer, string

Span = tuple[datetime, datetime]

# The plays around the ends say whose export it is, and whether it holds everything.
_AROUND = timedelta(days=1)


def add_import(warehouse: Warehouse, run: Run, rows: int, finished_at: datetime, reason: str) -> None:
    """The step `import` of a run, in the ledger. Written last: it stands for the file that is there."""
    warehouse.run(
        "add_import",
        *(string("run_id", run.run_id), string("reason", reason)),
        *instants(slot=run.slot, started_at=run.started_at, finished_at=finished_at),
        integer("rows", rows),
    )


def fetch_run_ids(warehouse: Warehouse, since: datetime) -> set[str]:
    """The runs that the ledger has of slots from then on."""
    return {row["run_id"] for row in warehouse.steps_since(since)}


def fetch_stored_times(warehouse: Warehouse, listener: str, spans: Sequence[coverage.Span]) -> list[tuple[int, int]]:
    """Of plays stored in the time of these stretches, the oldest first: the instant and a hash of the track id."""
    if not spans:
        return []
    around = instants(oldest=to_instant(spans[0][0]) - _AROUND, newest=to_instant(spans[-1][1]) + _AROUND)
    rows = warehouse.run("stored_times", string("listener_id", listener), *around)
    return sorted((row.instant, hash(row.track_id)) for row in rows)


def count_stored(warehouse: Warehouse, listener: str) -> int:
    rows = warehouse.run("rows_of_listener", string("listener_id", listener))
    return next(int(row.row_count) for row in rows if row.name == "plays")


def fetch_gaps(warehouse: Warehouse, listener: str) -> list[Gap]:
    return [Gap(**dict(row)) for row in warehouse.run("gaps_of_listener", string("listener_id", listener))]


def spans_of(spans: Sequence[Span]) -> bigquery.ArrayQueryParameter:
    """@spans: ARRAY<STRUCT<begins_at TIMESTAMP, ends_at TIMESTAMP>>."""
    structs = [bigquery.StructQueryParameter(None, *instants(begins_at=first, ends_at=last)) for first, last in spans]
    return bigquery.ArrayQueryParameter("spans", "STRUCT", structs)
