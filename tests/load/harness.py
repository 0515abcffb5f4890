"""The function load inside the laptop cloud, and the files it is given."""

import base64
import contextlib
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import functions_framework
from google.cloud import bigquery

from localcloud.gcp.laptop_cloud import LaptopCloud

ROOT = Path(__file__).parents[2]
COLUMNS = [
    column["name"] for column in json.loads((ROOT / "functions/ingest/tables/plays.json").read_text())["columns"]
]
FINALIZED = "google.cloud.storage.object.v1.finalized"
PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"

RUN = "20261122T100000Z"
SLOT = datetime(2026, 11, 22, 10, tzinfo=UTC)
NAME = "plays/2026/11/22/20261122T100000Z.csv"


def play(minute, listener="ada", track="6rqhFgbbKwnb9MLmUQDhG6", **values):
    """A row of `plays` that ended so many minutes after nine."""
    return {
        **dict.fromkeys(COLUMNS),
        "listener_id": listener,
        "played_at": datetime(2026, 11, 22, 9, 0, 1, 863_000, UTC) + timedelta(minutes=minute),
        "track_id": track,
        "source": "api",
        "run_id": RUN,
        "ingested_at": datetime(2026, 11, 22, 10, 0, 2, tzinfo=UTC),
        **values,
    }


def csv_of(*plays, header=COLUMNS):
    """The file as ingest lands it, written by other means."""
    lines = [",".join(header), *(",".join(cell(row[name]) for name in header) for row in plays)]
    return "".join(f"{line}\n" for line in lines).encode()


def cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    return str(value)


def entries(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def ledger_row(
    state, reason, rows_in=None, rows_new=None, listeners=None, error_class=None, completed=0, run_id=RUN, slot=SLOT
):
    """`rows_new` are those inserted and those completed."""
    known = {"new": rows_new - completed, "completed": completed, "known": rows_in - rows_new} if rows_in else None
    return {
        "run_id": run_id,
        "slot": slot,
        "step": "load",
        "state": state,
        "listeners": listeners,
        "rows_in": rows_in,
        "rows_new": rows_new,
        "reason": reason,
        "error_class": error_class,
        "blocked_until": None,
        "details": known,
    }


class Loading:
    """Events reach load through its own server's test client; a fresh client is a fresh instance."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.landing, self.quarantine = cloud.environment["LANDING_BUCKET"], cloud.environment["QUARANTINE_BUCKET"]
        self.events, self.messages, self.withholding = [], [], False
        self.warehouse = bigquery.Client(project=cloud.environment["GOOGLE_CLOUD_PROJECT"], location="us-central1")
        self.restart()
        cloud.subscribe(FINALIZED, self._remember_and_post, self.landing)
        cloud.subscribe(PUBLISHED, self._receive)

    def restart(self):
        """What Cloud Run does with a function that was killed."""
        source = ROOT / "functions/load/main.py"
        self.client = functions_framework.create_app("load", str(source), "cloudevent").test_client()

    def receive(self):
        """The messages that have been published since the last time."""
        self.cloud.deliver_pending()
        received, self.messages = self.messages, []
        return received

    def land(self, content, name=NAME):
        self.cloud.storage.write(self.landing, name, content)

    def deliver(self):
        """Try every undelivered event once: the statuses of load's answers."""
        before = len(self.events)
        self.cloud.deliver_pending()
        return [status for _, _, status in self.events[before:]]

    def withhold(self):
        """Only note the events; `post_event` delivers them when the test wants it."""
        self.withholding = True
        self.cloud.deliver_pending()

    def post_event(self, event=None):
        """Deliver an event that was seen before; the newest unless another is given."""
        headers, body, _ = event or self.events[-1]
        return self.client.post("/", data=body, headers=headers).status_code

    def post(self, data, event_type=FINALIZED):
        headers = {
            "ce-id": "7477170",
            "ce-specversion": "1.0",
            "ce-type": event_type,
            "ce-source": f"//storage.googleapis.com/projects/_/buckets/{self.landing}",
            "content-type": "application/json",
        }
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        return self.client.post("/", data=body, headers=headers)

    def rows(self, table, order):
        dataset = self.cloud.environment["DATASET"]
        rows = self.warehouse.query_and_wait(f"SELECT * FROM {dataset}.{table} ORDER BY {order}")
        return [dict(row) for row in rows]

    def plays(self):
        return self.rows("plays", "played_at, listener_id, track_id")

    def ledger(self):
        """The rows of the ledger without the two instants and the generation that a test cannot know."""
        rows = self.rows("runs", "run_id, step, state")
        rows.sort(key=lambda row: (row["run_id"], row["state"], int(row["details"].pop("generation"))))
        for row in rows:
            row["details"] = row["details"] or None
            assert timedelta(0) <= row.pop("finished_at") - row.pop("started_at") < timedelta(minutes=1)
        return rows

    def quarantined(self):
        return self.cloud.storage.names(self.quarantine)

    def _remember_and_post(self, headers, body):
        status = 503 if self.withholding else self.client.post("/", data=body, headers=headers).status_code
        self.events.append((headers, body, status))
        return status

    def _receive(self, headers, body):
        self.messages.append(json.loads(base64.b64decode(json.loads(body)["message"]["data"])))
        return 200


@contextlib.contextmanager
def loading_cloud(directory):
    with LaptopCloud(directory, forgetful=True) as cloud:
        kept = dict(os.environ)
        os.environ.update(cloud.environment)
        try:
            yield Loading(cloud)
        finally:
            os.environ.clear()
            os.environ.update(kept)
