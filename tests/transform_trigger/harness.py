"""The function transform_trigger inside the laptop cloud, and the messages it is given."""

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import partial

import requests

from localcloud.gcp.eventarc.cloud_events import MESSAGE_PUBLISHED
from tests import event_function

TEN, ELEVEN, NOON = "20261122T100000Z", "20261122T110000Z", "20261122T120000Z"
TENS_BATCH, ELEVENS_BATCH = "top-tracks-20261122t100000z", "top-tracks-20261122t110000z"
CREATE = "gcp POST .*/batches"


def slot_of(run_id):
    return datetime.strptime(run_id, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def ledger_row(run_id, step, state, reason, rows_in=None, error_class=None):
    values = {"rows_in": rows_in, "error_class": error_class}
    return event_function.ledger_row(run_id, slot_of(run_id), step, state, reason, **values)


TENS_ROW = ledger_row(TEN, "transform", "succeeded", f"Batch {TENS_BATCH} submitted for 12 new plays.", 12)
ELEVENS_ROW = ledger_row(ELEVEN, "transform", "succeeded", f"Batch {ELEVENS_BATCH} submitted for 12 new plays.", 12)


class Triggering(event_function.EventFunction):
    name = "transform_trigger"

    def __init__(self, cloud):
        super().__init__(cloud)
        cloud.subscribe(MESSAGE_PUBLISHED, self.remember_and_post, cloud.environment["PLAYS_LOADED_TOPIC"])

    def publish(self, run_id, rows_new=12, committed_ago=timedelta(0)):
        """What load says when it has merged; by default just now."""
        message = {
            "run_id": run_id,
            "slot": slot_of(run_id).isoformat(),
            "rows_new": rows_new,
            "committed_at": (datetime.now(UTC) - committed_ago).isoformat(),
        }
        data = base64.b64encode(json.dumps(message).encode()).decode()
        self._call(f"topics/{self.cloud.environment['PLAYS_LOADED_TOPIC']}:publish", {"messages": [{"data": data}]})

    def create_batch(self, batch_id, **parameters):
        """Somebody else submits a batch."""
        job = {"pysparkBatch": {"mainPythonFileUri": "gs://code/top_tracks.py"}}
        self._call("locations/us-central1/batches", job, batchId=batch_id, **parameters)

    def batch_ids(self):
        """All batches, oldest first."""
        return [batch["name"].rpartition("/")[2] for batch in self.cloud.dataproc.batches()][::-1]

    def finish(self, run_id, state="SUCCEEDED", message="", suffix=""):
        """Dataproc runs a run's batch to its end."""
        batch_id = f"top-tracks-{run_id.lower()}{suffix}"
        self.cloud.dataproc.start(batch_id)
        self.cloud.dataproc.finish(batch_id, state, message)

    def _call(self, path, body, **parameters):
        url = f"{self.cloud.url}/v1/projects/{self.cloud.environment['GOOGLE_CLOUD_PROJECT']}/{path}"
        requests.post(url, params=parameters, json=body, timeout=10).raise_for_status()


triggering_cloud = partial(event_function.in_cloud, Triggering)
