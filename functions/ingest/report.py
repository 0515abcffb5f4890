"""The result of a run (state, reason, each listener's part) as the HTTP answer and as a row of the ledger.

succeeded: the run's object is in the landing bucket. skipped: there was nothing to land. failed: no listener's page
could be read. The ledger is the table `runs`; a run reads there the earlier attempts at its slot.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from google.cloud import bigquery

from buckets import LandedFile, object_name
from collect import Collected
from failures import Failure, NotAsked, RateLimited
from ingest_queries import append, integer, run_query, string, timestamp
from slots import Run

# A pause is at most two days (http_client.py): an older row holds none that is still on, and a longer one is a mistake.
_PAUSES_SINCE = timedelta(days=3)

State = Literal["succeeded", "skipped", "failed"]

_POLLED = ("collected", "nothing_new")
NO_LISTENER = "no listener has given consent yet, run `python -m cli authorize NAME`"


@dataclass(frozen=True)
class Report:
    """`listeners`: by listener_id, the JSON that the ledger's details and the HTTP answer hold."""

    run: Run
    state: State
    reason: str
    listeners: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rows_in: int = 0
    rows_new: int = 0
    object_name: str | None = None
    error_class: str | None = None
    blocked_until: datetime | None = None
    retry_heals: bool = False
    was_landed_before: bool = False

    @property
    def polled(self) -> int:
        """Listeners whose page was read. The alert on missing runs counts the runs that polled any."""
        return sum(part["state"] in _POLLED for part in self.listeners.values())

    @property
    def http_status(self) -> int:
        """503 makes Cloud Scheduler try again, where that can help; anything else waits for the next slot."""
        return 503 if self.state == "failed" and self.retry_heals else 200

    def answer(self) -> dict[str, Any]:
        return {
            "run_id": self.run.run_id,
            "state": self.state,
            "reason": f"already landed: {self.reason}" if self.was_landed_before else self.reason,
            "object": self.object_name,
            "rows_new": self.rows_new,
            "blocked_until": iso(self.blocked_until),
            "listeners": self.listeners,
        }


def of_missing_app(run: Run, listener_ids: Sequence[str], failure: Failure) -> Report:
    """The app's own secret cannot be used, so no call was made."""
    not_asked = NotAsked("the app's own secret cannot be used")
    return Report(
        run,
        "failed",
        reason=failure.explain(""),
        listeners={
            listener_id: _listener(Collected(listener_id, failure=not_asked), 0) for listener_id in listener_ids
        },
        error_class=_name(failure),
        retry_heals=failure.retry_heals,
    )


def of_collected(
    run: Run, collected: Sequence[Collected], landed: LandedFile | None, refused: int, now: datetime
) -> Report:
    """`refused`: how many items could not be read that no earlier run has reported."""
    failures = [each.failure for each in collected if each.failure and not isinstance(each.failure, NotAsked)]
    pauses = [failure.pause_seconds for failure in failures if isinstance(failure, RateLimited)]
    new = landed.plays_by_listener if landed else {}
    any_page = any(each.items is not None for each in collected)
    return Report(
        run,
        state="succeeded" if landed else "skipped" if any_page else "failed",
        reason=_reason(collected, sum(new.values()), refused),
        listeners={each.listener_id: _listener(each, new.get(each.listener_id, 0)) for each in collected},
        rows_in=sum(each.items or 0 for each in collected),
        rows_new=sum(new.values()),
        object_name=object_name(run.run_id) if landed else None,
        error_class=_name(failures[0]) if failures else None,
        blocked_until=now + timedelta(seconds=max(pauses)) if pauses else None,
        retry_heals=any(failure.retry_heals for failure in failures),
        was_landed_before=landed is not None and not landed.by_this_attempt,
    )


def _reason(collected: Sequence[Collected], new: int, refused: int) -> str:
    polled = sum(each.items is not None for each in collected)
    plays = f"{new or 'no'} new play{'' if new == 1 else 's'} from {polled} of {len(collected)} listeners"
    items = [f"{refused} item{'' if refused == 1 else 's'} could not be read, see the quarantine bucket"]
    names = defaultdict(list)
    for each in collected:
        if each.failure:
            names[each.failure.explain(each.listener_id)].append(each.listener_id)
    failures = [f"{', '.join(listener_ids)}: {sentence}" for sentence, listener_ids in names.items()]
    return "; ".join([plays, *(items if refused else []), *failures])


def _listener(listener: Collected, new: int) -> dict[str, Any]:
    state = "collected" if new else "nothing_new"
    if listener.items is None:
        state = "not_asked" if isinstance(listener.failure, NotAsked) else "failed"
    return {
        "state": state,
        "fetched": listener.items or 0,
        "new": new,
        "error_class": _name(listener.failure) if listener.failure else None,
        "reason": listener.failure.explain(listener.listener_id) if listener.failure else None,
        "consent_ends_at": iso(listener.consent_ends_at),
    }


def _name(failure: Failure) -> str:
    return type(failure).__name__


def iso(instant: datetime | None) -> str | None:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}" if instant else None


def read_earlier(client: bigquery.Client, run: Run) -> tuple[Report | None, datetime | None]:
    """This slot's report if its plays were landed before, and the end of a pause that is still on."""
    finished, pauses = None, []
    for row in run_query(
        client,
        "past_runs",
        timestamp("since", min(run.slot, run.started_at - _PAUSES_SINCE)),
        string("run_id", run.run_id),
        timestamp("now", run.started_at),
    ):
        # A run that was forced within the minute before the slot has not seen the plays up to the slot.
        if row.run_id == run.run_id and row.state == "succeeded" and row.started_at >= run.slot:
            finished = _from_ledger(run, row)
        if row.blocked_until and timedelta(0) < row.blocked_until - run.started_at < _PAUSES_SINCE:
            pauses.append(row.blocked_until)
    return finished, max(pauses, default=None)


def _from_ledger(run: Run, row: bigquery.table.Row) -> Report:
    """The row may be of another version, or written by hand: malformed parts of listeners are left out."""
    listeners = row.details.get("listeners") if isinstance(row.details, dict) else None
    parts = listeners.items() if isinstance(listeners, dict) else ()
    return Report(
        run,
        state=row.state,
        reason=row.reason or "the ledger has no reason",
        listeners={slug: part for slug, part in parts if isinstance(part, dict) and isinstance(part.get("state"), str)},
        rows_in=row.rows_in or 0,
        rows_new=row.rows_new or 0,
        object_name=object_name(run.run_id),
        error_class=row.error_class,
        blocked_until=row.blocked_until,
        was_landed_before=True,
    )


def write_run(client: bigquery.Client, report: Report) -> None:
    """Add the attempt's row to the ledger. Written when all is landed: it stands for everything before it."""
    run = report.run
    append(
        client,
        f"ingest-{run.run_id}-{run.started_at:%Y%m%dT%H%M%S%f}",
        "add_run",
        string("run_id", run.run_id),
        timestamp("slot", run.slot),
        string("state", report.state),
        timestamp("started_at", run.started_at),
        timestamp("finished_at", datetime.now(UTC)),
        integer("listeners", len(report.listeners)),
        integer("rows_in", report.rows_in),
        integer("rows_new", report.rows_new),
        string("reason", report.reason),
        string("error_class", report.error_class),
        timestamp("blocked_until", report.blocked_until),
        string("details", json.dumps({"listeners": report.listeners})),
    )
