"""Publishes to `plays-loaded` that plays have changed, so that the top ten is computed anew; the ledger says why.

Load does the same when it has stored plays; this is for a command that has taken some away.
"""

import json
from datetime import UTC, datetime, timedelta

from google.cloud import bigquery
from google.pubsub_v1 import PubsubMessage

from cli import google_clients
from cli.place import Place
from cli.warehouse import Warehouse

_SECONDS = 30


def publish(place: Place, warehouse: Warehouse, started_at: datetime, rows: int, reason: str) -> None:
    """A run of its own, named after its second; never at a full minute, which is the schedule's."""
    slot, committed_at = started_at.astimezone(UTC).replace(microsecond=0), place.now()
    while not (slot.second and _add(warehouse, slot, started_at, committed_at, rows, reason)):
        slot += timedelta(seconds=1)
    topic = f"projects/{place.project}/topics/{place.settings.get('PLAYS_LOADED_TOPIC') or 'plays-loaded'}"
    message = {
        "run_id": f"{slot:%Y%m%dT%H%M%SZ}",
        "slot": slot.isoformat(),
        "rows_new": rows,
        "committed_at": committed_at.astimezone(UTC).isoformat(),
    }
    data = PubsubMessage(data=json.dumps(message).encode())
    google_clients.publisher(place).publish(topic=topic, messages=[data], timeout=_SECONDS)


def _add(
    warehouse: Warehouse, slot: datetime, started_at: datetime, finished_at: datetime, rows: int, reason: str
) -> bool:
    """False when another run has this id."""
    done = warehouse.run(
        "add_undo",
        bigquery.ScalarQueryParameter("run_id", "STRING", f"{slot:%Y%m%dT%H%M%SZ}"),
        bigquery.ScalarQueryParameter("slot", "TIMESTAMP", slot),
        bigquery.ScalarQueryParameter("started_at", "TIMESTAMP", started_at),
        bigquery.ScalarQueryParameter("finished_at", "TIMESTAMP", finished_at),
        bigquery.ScalarQueryParameter("rows", "INT64", rows),
        bigquery.ScalarQueryParameter("reason", "STRING", reason),
    )
    return bool(done.num_dml_affected_rows)
