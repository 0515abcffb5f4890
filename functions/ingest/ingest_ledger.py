"""The table `runs`, as ingest uses it: what it needs to know before it asks anybody, and its own row at the end."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud import bigquery

from buckets import object_name
from ingest_queries import integer, run_query, string, timestamp
from report import Report
from slots import Run

# Pauses are cut off at two days (http_client.py): no older row holds one that is still on, and a longer one is none.
_PAUSES_SINCE = timedelta(days=3)


@dataclass(frozen=True)
class Past:
    """`finished`: what this very slot came to, when its plays were landed before, by a run that began after the slot.

    `heard`: how many listeners earlier attempts at the slot have heard, by the state that each came to.
    """

    finished: Report | None
    blocked_until: datetime | None
    heard: Mapping[str, int]


def read_past(client: bigquery.Client, run: Run) -> Past:
    rows = run_query(
        client,
        "past_runs",
        timestamp("since", min(run.slot, run.started_at - _PAUSES_SINCE)),
        string("run_id", run.run_id),
        timestamp("now", run.started_at),
    )
    earlier, pauses, finished = {}, [], None
    for row in rows:
        if row.run_id == run.run_id:
            earlier[row.state] = _to_report(run, row)
            # A run that was forced within the minute before the slot has not seen the plays up to the slot.
            if row.state == "succeeded" and row.started_at >= run.slot:
                finished = earlier[row.state]
        if row.blocked_until and timedelta(0) < row.blocked_until - run.started_at < _PAUSES_SINCE:
            pauses.append(row.blocked_until)
    heard = {state: report.heard for state, report in earlier.items()}
    return Past(finished, max(pauses, default=None), heard)


def _to_report(run: Run, row: bigquery.table.Row) -> Report:
    """What the row tells, which may be of another version, or by hand."""
    return Report(
        run,
        state=row.state,
        reason=row.reason or "the ledger does not say what the run came to",
        listeners=_listeners(row.details),
        rows_in=row.rows_in or 0,
        rows_new=row.rows_new or 0,
        object_name=object_name(run.run_id),
        error_class=row.error_class,
        blocked_until=row.blocked_until,
        was_landed_before=True,
    )


def _listeners(details: Any) -> dict[str, dict[str, Any]]:
    """The parts of the listeners that can be read."""
    listeners = details.get("listeners") if isinstance(details, dict) else None
    parts = listeners.items() if isinstance(listeners, dict) else ()
    return {slug: part for slug, part in parts if isinstance(part, dict) and isinstance(part.get("state"), str)}


def write_run(client: bigquery.Client, report: Report, past: Past) -> None:
    """The step's row. Written when all is landed: it stands for everything before it."""
    run_query(
        client,
        "add_run",
        string("run_id", report.run.run_id),
        timestamp("slot", report.run.slot),
        string("state", report.state),
        timestamp("started_at", report.run.started_at),
        timestamp("finished_at", datetime.now(UTC)),
        integer("listeners", len(report.listeners)),
        integer("rows_in", report.rows_in),
        integer("rows_new", report.rows_new),
        string("reason", report.reason),
        integer("heard", report.heard),
        integer("heard_before", past.heard.get(report.state)),
        string("error_class", report.error_class),
        timestamp("blocked_until", report.blocked_until),
        string("details", json.dumps({"listeners": report.listeners})),
    )
