"""The state of each listener, from the labels of the secrets, the ledger and the plays. No token is read.

A listener whose plays were only imported is among them, and one who has plays and no place for a consent any more.
"""

import argparse
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from cli.console import counted, minute, print_json, print_table, show
from cli.place import Place
from cli.secret_store import SecretStore
from cli.warehouse import Row, Warehouse
from listener_secrets import days_left, end_of_consent

HELP = "Show each listener: state, days of consent left, last play, last error"

State = Literal["ok", "not_authorized", "not_run_yet", "needs_consent", "failing", "unreadable", "not_collected"]
_WORDS: Mapping[State, str] = {
    "ok": "ok",
    "not_authorized": "no consent yet",
    "not_run_yet": "new consent, no run yet",
    "needs_consent": "needs consent",
    "failing": "failing",
    "unreadable": "newest record unreadable",
    "not_collected": "not collected",
}
_STATES: Mapping[str, State] = {"collected": "ok", "nothing_new": "ok", "failed": "failing"}
"""By the state that ingest records; the ledger may hold anything else."""
_NEEDS_CONSENT = "NeedsConsent"
"""The class of error under which ingest records a consent that is no longer good."""

_HEADS = ("listener", "state", "consent", "plays", "last play (UTC)", "last error (UTC)")


@dataclass(frozen=True)
class Poll:
    """The result of one run of ingest for one listener."""

    at: datetime
    state: str
    error_class: str | None
    reason: str | None
    consent_ends_at: datetime | None


@dataclass(frozen=True)
class Standing:
    """One listener, as the command shows it."""

    listener: str
    state: State
    consent_ends_at: datetime | None
    consent_days_left: int | None
    plays: int
    last_played_at: datetime | None
    last_error_at: datetime | None
    last_error: str | None


def run(options: argparse.Namespace, place: Place) -> int:
    shown = list(standings(place))
    if options.json:
        print_json([asdict(standing) for standing in shown])
    elif shown:
        print_table(_HEADS, [_cells(standing) for standing in shown])
        for standing in shown:
            if standing.state in ("not_authorized", "needs_consent"):
                authorize = place.command(f"authorize {shlex.quote(standing.listener)}")
                show(f"\nTo get {standing.listener}'s plays, run {authorize}.")
    elif place.laptop:
        show(f"No listener yet. To add one, run {place.command('authorize LISTENER')}.")
    else:
        show(
            "No listener yet. Add one to `listeners` in terraform.tfvars, run `make deploy`, then "
            f"{place.command('authorize LISTENER')}."
        )
    return 0


def judge(stored_at: datetime | None, polls: Sequence[Poll], now: datetime) -> tuple[State, datetime | None]:
    """How a listener stands and when the consent ends, from the newest token's age and the polls, the newest first."""
    if stored_at is None:
        return "not_authorized", None
    if not polls or stored_at > polls[0].at:
        return "not_run_yet", end_of_consent(stored_at)
    newest = polls[0]
    ends_at = newest.consent_ends_at
    if newest.error_class == _NEEDS_CONSENT or (ends_at is not None and ends_at <= now):
        return "needs_consent", ends_at
    return _STATES.get(newest.state, "unreadable"), ends_at


def polls_of(listener: str, rows: Sequence[Row]) -> list[Poll]:
    """The runs that polled this listener, in the order of the rows. During a pause no listener is polled."""
    polls = []
    for row in rows:
        listeners = _object(_object(row["details"]).get("listeners"))
        recorded = _object(listeners.get(listener))
        if listener in listeners and recorded.get("state") != "not_asked":
            poll = Poll(
                at=row["finished_at"],
                state=_text(recorded.get("state")) or "",
                error_class=_text(recorded.get("error_class")),
                reason=_text(recorded.get("reason")),
                consent_ends_at=_instant(recorded.get("consent_ends_at")),
            )
            polls.append(poll)
    return polls


def _object(value: Any) -> Mapping[str, Any]:
    """Empty for any other JSON: rows of the ledger may be of another version, or by hand."""
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _instant(value: Any) -> datetime | None:
    try:
        instant = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def standings(place: Place) -> Iterator[Standing]:
    store, warehouse, now = SecretStore(place), Warehouse(place), place.now()
    secrets = store.listeners()
    rows = [dict(row) for row in warehouse.run("polls")]
    plays = {row["listener_id"]: row for row in warehouse.run("last_plays")}
    for listener in [*secrets, *sorted(plays.keys() - secrets.keys())]:
        secret, polls = secrets.get(listener), polls_of(listener, rows)
        state, ends_at = judge(store.newest_version_at(secret), polls, now) if secret else ("not_collected", None)
        error = next((poll for poll in polls if poll.error_class), None)
        yield Standing(
            listener=listener,
            state=state,
            consent_ends_at=ends_at,
            consent_days_left=None if ends_at is None else days_left(ends_at, now),
            plays=plays[listener]["plays"] if listener in plays else 0,
            last_played_at=plays[listener]["last_played_at"] if listener in plays else None,
            last_error_at=error.at if error else None,
            last_error=(error.reason or error.error_class) if error else None,
        )


def _cells(standing: Standing) -> tuple[str, ...]:
    days, consent = standing.consent_days_left, "-"
    if days is not None:
        consent = f"ended {standing.consent_ends_at:%Y-%m-%d}" if days < 0 else f"{counted(days, 'day')} left"
    error = f"{minute(standing.last_error_at)}: {standing.last_error}" if standing.last_error_at else "-"
    words, last_play = _WORDS[standing.state], minute(standing.last_played_at)
    return standing.listener, words, consent, str(standing.plays), last_play, error
