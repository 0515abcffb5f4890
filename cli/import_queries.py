"""What an import asks the warehouse and writes there itself: everything but the plays, which load stores."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from google.cloud import bigquery

from cli.plays_files import Run
from cli.warehouse import Warehouse

Span = tuple[datetime, datetime]

# A gap ends with a play of the API's, which an export tells with whole seconds and a little off.
_TOLERANCE = timedelta(seconds=90)


def add_import(warehouse: Warehouse, run: Run, rows: int, finished_at: datetime, reason: str) -> None:
    """The step `import` of a run, in the ledger. Written last: it stands for the file that is there."""
    warehouse.run(
        "add_import",
        *(string("run_id", run.run_id), string("reason", reason)),
        *instants(slot=run.slot, started_at=run.started_at, finished_at=finished_at),
        bigquery.ScalarQueryParameter("rows", "INT64", rows),
    )


def count_gaps(warehouse: Warehouse, listener: str, spans: Sequence[Span]) -> int:
    """How many of the listener's gaps these stretches close."""
    return len(list(warehouse.run("closed_gaps", string("listener_id", listener), _widened(spans))))


def close_gaps(warehouse: Warehouse, listener: str, spans: Sequence[Span]) -> int:
    """How many there were; they are gaps no longer."""
    done = warehouse.run("close_gaps", string("listener_id", listener), _widened(spans))
    return done.num_dml_affected_rows or 0


def _widened(spans: Sequence[Span]) -> bigquery.ArrayQueryParameter:
    return spans_of([(first - _TOLERANCE, last + _TOLERANCE) for first, last in spans])


def string(name: str, value: str) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter(name, "STRING", value)


def instants(**values: datetime) -> list[bigquery.ScalarQueryParameter]:
    return [bigquery.ScalarQueryParameter(name, "TIMESTAMP", value) for name, value in values.items()]


def spans_of(spans: Sequence[Span]) -> bigquery.ArrayQueryParameter:
    """@spans: ARRAY<STRUCT<begins_at TIMESTAMP, ends_at TIMESTAMP>>."""
    structs = [bigquery.StructQueryParameter(None, *instants(begins_at=first, ends_at=last)) for first, last in spans]
    return bigquery.ArrayQueryParameter("spans", "STRUCT", structs)
