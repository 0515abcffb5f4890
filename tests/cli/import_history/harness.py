"""The owner of a laptop cloud in which load really merges. Spark does not run; other tests do that."""

import base64
import io
import json
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import functions_framework
import pytest
from google.cloud import bigquery

from localcloud.gcp.eventarc.cloud_events import FINALIZED, MESSAGE_PUBLISHED
from localcloud.supervisor import until
from tests.cli.test_runs import write_steps
from tests.load.harness import ROOT

PLAYS = "SELECT * FROM listening.plays ORDER BY listener_id, played_at, track_id"
EXAMPLES = Path(__file__).parent / "exports"
NEW, OLD = EXAMPLES / "Streaming_History_Audio_2023-2024_7.json", EXAMPLES / "endsong_0.json"
A, B = "6rqhFgbbKwnb9MLmUQDhG6", "4uLU6hMCjMI75M1A2tKUQC"
"""Two tracks of these exports."""
SINCE, UNTIL = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC)


def wait_for(condition):
    assert until(condition, 60)


class Importing:
    """Commands, and load behind the landing bucket. Events are delivered all the time."""

    def __init__(self, owner, capsys):
        self.owner, self.cloud, self._capsys = owner, owner.cloud, capsys
        self.landing = owner.environ["LANDING_BUCKET"]
        source = ROOT / "functions/load/main.py"
        client = functions_framework.create_app("load", str(source)).test_client()
        self.loads = lambda headers, body: client.post("/", data=body, headers=headers).status_code
        self.cloud.subscribe(FINALIZED, lambda headers, body: self.loads(headers, body), self.landing)
        self.cloud.subscribe(MESSAGE_PUBLISHED, lambda headers, body: self.hears(body))
        self.printed_by_load = io.StringIO()
        # Apart from what a command prints: a line of another thread's can begin in the middle of one.
        sys.modules["main"].print = partial(print, file=self.printed_by_load)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._deliver, daemon=True)
        self._thread.start()

    def types(self, *arguments, laptop=True):
        return self.owner.types(self._capsys, *map(str, arguments), laptop=laptop)

    def hears(self, body):
        """What transform_trigger does while a batch is young enough."""
        message = json.loads(base64.b64decode(json.loads(body)["message"]["data"]))
        write_steps(self.owner, (message["run_id"], "transform", "skipped", 10_800, None, "A batch is young enough"))
        return 200

    def client(self):
        return bigquery.Client(self.owner.project, location=self.owner.environ["LOCATION"])

    def rows(self, sql):
        return [dict(row) for row in self.client().query_and_wait(sql)]

    def plays(self):
        return self.rows(PLAYS)

    def ledger(self):
        rows = self.rows("SELECT * FROM listening.runs ORDER BY run_id, step")
        return [(row["step"], row["state"], row["rows_in"], row["rows_new"]) for row in rows]

    def landed(self):
        return self.cloud.storage.names(self.landing)

    def _deliver(self):
        while not self._stopped.wait(0.05):
            self.cloud.deliver_pending()

    def stop(self):
        self._stopped.set()
        self._thread.join()


@contextmanager
def importing_owner(owner, capsys):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in owner.environ.items():
            patch.setenv(name, value)
        importing = Importing(owner, capsys)
        yield importing
        importing.stop()
