"""The function transform_trigger inside the laptop cloud, and the messages it is given."""

import base64
import contextlib
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import functions_framework
import requests
from google.cloud import bigquery

from localcloud.gcp.laptop_cloud import LaptopCloud

ROOT = Path(__file__).parents[2]
PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"
TEN, ELEVEN, NOON = "20261122T100000Z", "20261122T110000Z", "20261122T120000Z"
TENS_BATCH, ELEVENS_BATCH = "top-tracks-20261122t100000z", "top-tracks-20261122t110000z"
CREATE = "gcp POST .*/batches"


def slot_of(run_id):
    return datetime.strptime(run_id, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def ledger_row(run_id, step, state, reason, rows_in=None, error_class=None):
    return {
        "run_id": run_id,
        "slot": slot_of(run_id),
        "step": step,
        "state": state,
        "listeners": None,
        "rows_in": rows_in,
        "rows_new": None,
        "reason": reason,
        "error_class": error_class,
        "blocked_until": None,
        "details": None,
    }


TENS_ROW = ledger_row(TEN, "transform", "succeeded", f"Batch {TENS_BATCH} submitted for 12 new plays.", 12)
ELEVENS_ROW = ledger_row(ELEVEN, "transform", "succeeded", f"Batch {ELEVENS_BATCH} submitted for 12 new plays.", 12)


def entries(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


class Triggering:
    """Messages reach transform_trigger through its own server's test client; a fresh client is a fresh instance."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.events = []
        self.warehouse = bigquery.Client(project=cloud.environment["GOOGLE_CLOUD_PROJECT"], location="us-central1")
        self.restart()
        cloud.subscribe(PUBLISHED, self._remember_and_post, cloud.environment["PLAYS_LOADED_TOPIC"])

    def restart(self):
        """What Cloud Run does with a function that was killed, or deployed with other settings."""
        source = ROOT / "functions/transform_trigger/main.py"
        self.client = functions_framework.create_app("transform_trigger", str(source), "http").test_client()

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

    def deliver(self):
        """Try every undelivered message once: the statuses of the answers."""
        before = len(self.events)
        self.cloud.deliver_pending()
        return [status for _, _, status in self.events[before:]]

    def post_event(self, event=-1):
        """Deliver one of the messages that were seen before."""
        headers, body, _ = self.events[event]
        return self.client.post("/", data=body, headers=headers).status_code

    def post(self, data):
        headers = {
            "ce-id": "9",
            "ce-specversion": "1.0",
            "ce-type": PUBLISHED,
            "ce-source": "//pubsub.googleapis.com/projects/p/topics/plays-loaded",
            "content-type": "application/json",
        }
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        return self.client.post("/", data=body, headers=headers)

    def batch_ids(self):
        """All batches, oldest first."""
        return [batch["name"].rpartition("/")[2] for batch in self.cloud.dataproc.batches()][::-1]

    def finish(self, run_id, state="SUCCEEDED", message="", suffix=""):
        """Dataproc runs a run's batch to its end."""
        batch_id = f"top-tracks-{run_id.lower()}{suffix}"
        self.cloud.dataproc.start(batch_id)
        self.cloud.dataproc.finish(batch_id, state, message)

    def ledger(self):
        """The rows of the ledger without the two instants that a test cannot know."""
        dataset = self.cloud.environment["DATASET"]
        rows = self.warehouse.query_and_wait(f"SELECT * FROM {dataset}.runs ORDER BY run_id, step, state")
        rows = [dict(row) for row in rows]
        for row in rows:
            assert timedelta(0) <= row.pop("finished_at") - row.pop("started_at") < timedelta(minutes=1)
        return rows

    def _call(self, path, body, **parameters):
        url = f"{self.cloud.url}/v1/projects/{self.cloud.environment['GOOGLE_CLOUD_PROJECT']}/{path}"
        requests.post(url, params=parameters, json=body, timeout=10).raise_for_status()

    def _remember_and_post(self, headers, body):
        status = self.client.post("/", data=body, headers=headers).status_code
        self.events.append((headers, body, status))
        return status


@contextlib.contextmanager
def triggering_cloud(directory):
    with LaptopCloud(directory, forgetful=True) as cloud:
        kept = dict(os.environ)
        os.environ.update(cloud.environment)
        try:
            yield Triggering(cloud)
        finally:
            os.environ.clear()
            os.environ.update(kept)
