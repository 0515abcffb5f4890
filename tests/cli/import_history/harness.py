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

from buckets import to_csv
from localcloud.gcp.eventarc.cloud_events import FINALIZED, MESSAGE_PUBLISHED
from localcloud.spotify.answers import recently_played
from localcloud.spotify.data_export import export_row, write_zip
from localcloud.supervisor import until
from plays import parse_page
from slots import Run
from tests.cli.harness import ONE
from tests.cli.test_runs import write_steps
from tests.event_function import ROOT
from tests.load.harness import csv_of

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
        self.landing, self.quarantine = owner.environ["LANDING_BUCKET"], owner.environ["QUARANTINE_BUCKET"]
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
        return skip_the_batch(self.owner, body)

    def client(self):
        return bigquery.Client(self.owner.project, location=self.owner.environ["LOCATION"])

    def rows(self, sql):
        return [dict(row) for row in self.client().query_and_wait(sql)]

    def plays(self):
        return self.rows(PLAYS)

    def ledger(self):
        rows = self.rows("SELECT * FROM listening.runs ORDER BY run_id, step")
        return [(row["step"], row["state"], row["rows_in"], row["rows_new"]) for row in rows]

    def stores(self, *plays, name="plays/2026/11/22/20261122T100000Z.csv"):
        """What load does with a file of these new plays."""
        number = len(self.plays()) + len(plays)
        self.cloud.storage.write(self.landing, name, csv_of(*plays))
        wait_for(lambda: len(self.plays()) == number)

    def tell_page(self, plays, slot):
        """Ingest lands these plays of a page of the API, and load stores them."""
        self.cloud.storage.write(self.landing, f"{slot:plays/%Y/%m/%d/%Y%m%dT%H%M%SZ}.csv", page(plays, slot))
        loaded = f"SELECT run_id FROM listening.runs WHERE step = 'load' AND run_id = '{slot:%Y%m%dT%H%M%SZ}'"
        wait_for(lambda: self.rows(loaded))

    def add_gap(self, start, end, table="gaps", more="", run_id="r", listener=ONE):
        columns = "listener_id, gap_start, gap_end, run_id, detected_at" + (", import_id" if more else "")
        values = f"'{listener}', TIMESTAMP '{start}', TIMESTAMP '{end}', '{run_id}', TIMESTAMP '{UNTIL}'{more}"
        self.rows(f"INSERT INTO listening.{table} ({columns}) VALUES ({values})")

    def landed(self):
        return self.cloud.storage.names(self.landing)

    def _deliver(self):
        while not self._stopped.wait(0.05):
            self.cloud.deliver_pending()

    def stop(self):
        self._stopped.set()
        self._thread.join()


def skip_the_batch(owner, body):
    """What transform_trigger does while a batch is young enough."""
    message = json.loads(base64.b64decode(json.loads(body)["message"]["data"]))
    write_steps(owner, (message["run_id"], "transform", "skipped", 10_800, None, "A batch is young enough"))
    return 200


def page(plays, slot):
    """A page of the API as ingest lands it."""
    items = recently_played("http://spotify", plays[::-1], 50)["items"]
    return to_csv(parse_page(items, ONE, Run(slot, UNTIL))[0])


def write_export(path, plays, **changes):
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".zip":
        write_zip(path, plays)
    else:
        path.write_text(json.dumps([export_row(play) | changes for play in plays]))
    return path


@contextmanager
def importing_owner(owner, capsys):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in owner.environ.items():
            patch.setenv(name, value)
        importing = Importing(owner, capsys)
        yield importing
        importing.stop()
