"""What an import asks the warehouse and writes there itself: everything but the plays, which load stores."""

from collections.abc import Sequence
from datetime import datetime

from google.cloud import bigquery

from cli.forecast import APART, StoredPlay
from cli.plays_files import Run
from cli.warehouse import Warehouse

Span = tuple[datetime, datetime]

# A gap ends with a play of the API's, which an export tells with whole seconds and a little off.
_TOLERANCE = APART


def fetch_stored(warehouse: Warehouse, listener: str, span: Span) -> list[StoredPlay]:
    """The listener's plays that could be those of an export of this stretch, or compete with them."""
    first, last = span
    rows = warehouse.run(
        "stored_plays", _string("listener_id", listener), *_instants(oldest=first - APART, newest=last + APART)
    )
    return [StoredPlay(**dict(row)) for row in rows]


def add_import(warehouse: Warehouse, run: Run, rows: int, finished_at: datetime, reason: str) -> None:
    """The step `import` of a run, in the ledger. Written last: it stands for the file that is there."""
    warehouse.run(
        "add_import",
        *(_string("run_id", run.run_id), _string("reason", reason)),
        *_instants(slot=run.slot, started_at=run.started_at, finished_at=finished_at),
        bigquery.ScalarQueryParameter("rows", "INT64", rows),
    )


def count_gaps(warehouse: Warehouse, listener: str, spans: Sequence[Span]) -> int:
    """How many of the listener's gaps these stretches close."""
    return len(list(warehouse.run("closed_gaps", _string("listener_id", listener), _spans(spans))))


def close_gaps(warehouse: Warehouse, listener: str, spans: Sequence[Span]) -> int:
    """How many there were; they are gaps no longer."""
    done = warehouse.run("close_gaps", _string("listener_id", listener), _spans(spans))
    return done.num_dml_affected_rows or 0


def _string(name: str, value: str) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter(name, "STRING", value)


def _instants(**values: datetime) -> list[bigquery.ScalarQueryParameter]:
    return [bigquery.ScalarQueryParameter(name, "TIMESTAMP", value) for name, value in values.items()]


def _spans(spans: Sequence[Span]) -> bigquery.ArrayQueryParameter:
    """@spans: ARRAY<STRUCT<begins_at TIMESTAMP, ends_at TIMESTAMP>>."""
    widened = [(first - _TOLERANCE, last + _TOLERANCE) for first, last in spans]
    structs = [
        bigquery.StructQueryParameter(None, *_instants(begins_at=first, ends_at=last)) for first, last in widened
    ]
    return bigquery.ArrayQueryParameter("spans", "STRUCT", structs)
