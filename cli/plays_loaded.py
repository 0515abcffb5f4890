"""Publishes to `plays-loaded` that plays have changed, so that the top ten is recomputed; the ledger says why.

Load does the same when it has stored plays; this is for a command that has taken some away.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from google.api_core.retry import Retry
from google.pubsub_v1 import PubsubMessage

from cli import google_clients
from cli.place import Place
from cli.warehouse import Warehouse, instants, integer, string
from slots import run_id_of

_CALL_SECONDS = 30
_RETRY = Retry(initial=0.5, maximum=10, timeout=60)
"""Load's, too: Google's default does not retry a 429 that comes over REST, and the ledger has the change already."""


@dataclass(frozen=True)
class Change:
    """What the command has done, in the ledger's words. `rows`: plays that it took away or changed."""

    step: Literal["undo", "repair"]
    started_at: datetime
    listeners: int
    rows: int
    reason: str


def what_follows(place: Place) -> str:
    """When the top ten changes after a message: what undo and repair print."""
    return (
        "A Spark batch recomputes the top ten: now, or with new plays once top_tracks_min_interval_minutes are over. "
        f"To see when, run {place.command('runs')}."
    )


def publish(place: Place, warehouse: Warehouse, change: Change) -> None:
    """A run of its own, named after its second; never at a full minute, which is the schedule's."""
    slot, committed_at = change.started_at.astimezone(UTC).replace(microsecond=0), place.now()
    while not (slot.second and _add(warehouse, slot, committed_at, change)):
        slot += timedelta(seconds=1)
    topic = f"projects/{place.project}/topics/{place.settings.get('PLAYS_LOADED_TOPIC') or 'plays-loaded'}"
    message = {
        "run_id": run_id_of(slot),
        "slot": slot.isoformat(),
        "rows_new": change.rows,
        "committed_at": committed_at.astimezone(UTC).isoformat(),
    }
    data = PubsubMessage(data=json.dumps(message).encode())
    google_clients.publisher(place).publish(topic=topic, messages=[data], retry=_RETRY, timeout=_CALL_SECONDS)


def _add(warehouse: Warehouse, slot: datetime, finished_at: datetime, change: Change) -> bool:
    """False when another run has this id."""
    done = warehouse.run(
        "add_change",
        string("run_id", run_id_of(slot)),
        *instants(slot=slot, started_at=change.started_at, finished_at=finished_at),
        *(string("step", change.step), string("reason", change.reason)),
        *(integer("listeners", change.listeners), integer("rows", change.rows)),
    )
    return bool(done.num_dml_affected_rows)
