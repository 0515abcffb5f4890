"""What a run came to: its state, its sentence, each listener's part, and the answer to the scheduler. Pure.

succeeded: the run's object is in the landing bucket. skipped: there was nothing to land. failed: nobody was heard.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from buckets import Landed, object_name
from collect import Visit
from failures import Failure, NotAsked, RateLimited, explain, retry_heals
from slots import Run

State = Literal["succeeded", "skipped", "failed"]

_HEARD = ("collected", "nothing_new")
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
    def heard(self) -> int:
        """Listeners whose page was read. The alert on silence counts the runs that heard somebody, pauses not."""
        return sum(part["state"] in _HEARD for part in self.listeners.values())

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


def of_pause(run: Run, blocked_until: datetime) -> Report:
    reason = f"Spotify asked for a pause until {blocked_until:%Y-%m-%d %H:%M:%S} UTC, nobody was asked"
    return Report(run, "skipped", reason, blocked_until=blocked_until)


def of_nobody(run: Run) -> Report:
    return Report(run, "skipped", NO_LISTENER)


def of_missing_app(run: Run, listener_ids: Sequence[str], failure: Failure) -> Report:
    """The app's own secret cannot be used, so nobody was asked."""
    not_asked = NotAsked("the app's own secret cannot be used")
    return Report(
        run,
        "failed",
        reason=explain(failure, ""),
        listeners={listener_id: _listener(Visit(listener_id, failure=not_asked), 0) for listener_id in listener_ids},
        error_class=_name(failure),
        retry_heals=retry_heals(failure),
    )


def of_visits(run: Run, visits: Sequence[Visit], landed: Landed | None, refused: int, now: datetime) -> Report:
    """`refused`: how many items could not be read that no earlier run has reported."""
    failures = [visit.failure for visit in visits if visit.failure and not isinstance(visit.failure, NotAsked)]
    new = landed.plays_by_listener if landed else {}
    return Report(
        run,
        state=_state(visits, landed),
        reason=_reason(visits, sum(new.values()), refused),
        listeners={visit.listener_id: _listener(visit, new.get(visit.listener_id, 0)) for visit in visits},
        rows_in=sum(visit.items for visit in visits),
        rows_new=sum(new.values()),
        object_name=object_name(run.run_id) if landed else None,
        error_class=_name(failures[0]) if failures else None,
        blocked_until=_blocked_until(failures, now),
        retry_heals=any(retry_heals(failure) for failure in failures),
        was_landed_before=landed is not None and not landed.by_this_attempt,
    )


def _state(visits: Sequence[Visit], landed: Landed | None) -> State:
    if landed:
        return "succeeded"
    return "skipped" if any(visit.page is not None for visit in visits) else "failed"


def _reason(visits: Sequence[Visit], new: int, refused: int) -> str:
    heard = sum(visit.page is not None for visit in visits)
    plays = f"{new or 'no'} new play{'' if new == 1 else 's'} from {heard} of {len(visits)} listeners"
    items = [f"{refused} item{'' if refused == 1 else 's'} could not be read, see the quarantine bucket"]
    return "; ".join([plays, *(items if refused else []), *_failures_in_words(visits)])


def _failures_in_words(visits: Sequence[Visit]) -> list[str]:
    """One part for each sentence, after the names of all it holds for."""
    names = defaultdict(list)
    for visit in visits:
        if visit.failure:
            names[explain(visit.failure, visit.listener_id)].append(visit.listener_id)
    return [f"{', '.join(listener_ids)}: {sentence}" for sentence, listener_ids in names.items()]


def _listener(visit: Visit, new: int) -> dict[str, Any]:
    return {
        "state": _listener_state(visit, new),
        "fetched": visit.items,
        "new": new,
        "error_class": _name(visit.failure) if visit.failure else None,
        "reason": explain(visit.failure, visit.listener_id) if visit.failure else None,
        "consent_ends_at": iso(visit.consent_ends_at),
    }


def _listener_state(visit: Visit, new: int) -> str:
    if visit.page is None:
        return "not_asked" if isinstance(visit.failure, NotAsked) else "failed"
    return "collected" if new else "nothing_new"


def _blocked_until(failures: Sequence[Failure], now: datetime) -> datetime | None:
    pauses = [failure.pause_seconds for failure in failures if isinstance(failure, RateLimited)]
    return now + timedelta(seconds=max(pauses)) if pauses else None


def _name(failure: Failure) -> str:
    return type(failure).__name__


def iso(instant: datetime | None) -> str | None:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}" if instant else None
