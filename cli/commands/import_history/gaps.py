"""Moves gaps between the tables `gaps` and `closed_gaps`. Stopped half way, a gap is in both: open, and no play is lost
without a trace."""

from collections.abc import Sequence
from dataclasses import replace

from google.cloud import bigquery

from cli.commands.import_history.reading.coverage import Closing, Gap, Span, to_instant
from cli.commands.import_history.records import Import
from cli.commands.import_history.undo_gaps import Reopening, Touched, reopening
from cli.warehouse import Row, Warehouse


def find(warehouse: Warehouse, listener: str, import_id: str) -> Reopening:
    """What undoing the import makes of the listener's gaps, from what is stored now."""
    rows = warehouse.run("gaps_of_undo", _string("listener_id", listener), _string("import_id", import_id))
    return reopening(import_id, [_touched(dict(row)) for row in rows])


def reopen(warehouse: Warehouse, listener: str, found: Reopening) -> None:
    if found.added or found.removed:
        _change_open(warehouse, listener, found.added, found.removed)
    if found.closed:
        structs = [_struct(gap, _string("import_id", None)) for gap in found.closed]
        warehouse.run("change_closed_gaps", _string("listener_id", listener), _changes(structs))


def close(warehouse: Warehouse, started: Import, closings: Sequence[Closing]) -> None:
    """Take the gaps away, and put what is left of them in their place; the import keeps closed what it fills."""
    if not closings:
        return
    filled = [_part(closing.gap, span) for closing in closings for span in closing.closed]
    left = [_part(closing.gap, span) for closing in closings for span in closing.left]
    structs = [_struct(gap, _string("import_id", started.import_id)) for gap in filled]
    warehouse.run("change_closed_gaps", _string("listener_id", started.listener), _changes(structs))
    _change_open(warehouse, started.listener, left, [closing.gap for closing in closings])


def _part(gap: Gap, span: Span) -> Gap:
    return replace(gap, gap_start=to_instant(span[0]), gap_end=to_instant(span[1]))


def _change_open(warehouse: Warehouse, listener: str, added: Sequence[Gap], removed: Sequence[Gap]) -> None:
    changes = [*((gap, True) for gap in added), *((gap, False) for gap in removed)]
    structs = [_struct(gap, bigquery.ScalarQueryParameter("is_open", "BOOL", is_open)) for gap, is_open in changes]
    warehouse.run("change_gaps", _string("listener_id", listener), _changes(structs))


def _touched(row: Row) -> Touched:
    gap = Gap(row["gap_start"], row["gap_end"], row["run_id"], row["detected_at"], row["import_id"])
    moves = row["going_at_start"] and not row["staying_at_start"]
    return Touched(gap, row["going_inside"], row["staying_before"] if moves else gap.gap_start)


def _struct(gap: Gap, last: bigquery.ScalarQueryParameter) -> bigquery.StructQueryParameter:
    return bigquery.StructQueryParameter(
        None,
        bigquery.ScalarQueryParameter("gap_start", "TIMESTAMP", gap.gap_start),
        bigquery.ScalarQueryParameter("gap_end", "TIMESTAMP", gap.gap_end),
        _string("run_id", gap.run_id),
        bigquery.ScalarQueryParameter("detected_at", "TIMESTAMP", gap.detected_at),
        last,
    )


def _changes(structs: Sequence[bigquery.StructQueryParameter]) -> bigquery.ArrayQueryParameter:
    """@changes: ARRAY<STRUCT<gap_start, gap_end, run_id, detected_at, and what becomes of it>>."""
    return bigquery.ArrayQueryParameter("changes", "STRUCT", list(structs))


def _string(name: str, value: str | None) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter(name, "STRING", value)
