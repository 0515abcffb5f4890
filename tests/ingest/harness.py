"""The function ingest inside the laptop cloud, with an invented Spotify, at a set time."""

import contextlib
import io
import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
import requests
import time_machine
from google.cloud import bigquery

from localcloud.demo import proofs
from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.listeners.listeners import invented_listeners
from localcloud.web import Server
from tests.event_function import EventFunction
from tests.localcloud.gcp import secrets
from tests.localcloud.spotify.faulty_spotify import FaultySpotify
from tests.seed import seed

SLOT = datetime(2026, 11, 22, 10, tzinfo=UTC)
RUN_ID, OBJECT = "20261122T100000Z", "plays/2026/11/22/20261122T100000Z.csv"


class Answer(NamedTuple):
    """`log`: the entries of the run, without the severity INFO. `polled`: listeners, as the entry at its end says."""

    status: int
    body: dict
    log: list
    polled: int | None


class Ingesting(EventFunction):
    """One laptop cloud and the function ingest in it, whose settings are `environment`."""

    name = "ingest"

    def __init__(self, cloud, spotify, spotify_url, traveller):
        self.spotify, self._traveller = spotify, traveller
        urls = {"SPOTIFY_ACCOUNTS_URL": spotify_url, "SPOTIFY_API_URL": spotify_url}
        self.environment = cloud.environment | urls | {"RECCOBEATS_API_URL": f"{spotify_url}/reccobeats"}
        self.slugs = list(spotify.listeners)
        self.landing, self.quarantine = cloud.environment["LANDING_BUCKET"], cloud.environment["QUARANTINE_BUCKET"]
        self.project = cloud.environment["GOOGLE_CLOUD_PROJECT"]
        with self.settings():
            super().__init__(cloud)
        secrets.store_app(cloud, spotify)

    @contextlib.contextmanager
    def settings(self):
        """This process has its environment meanwhile."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            yield

    def connect(self):
        """Google's clients as the function has them."""
        from ingest_cloud import Settings, connect

        with self.settings():
            return connect(Settings.from_env(self.environment))

    def store(self, secret, payload, labels=None):
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.cloud.secrets.store(self.project, secret, content, labels)

    def authorize(self, *slugs, **changes):
        for slug in slugs:
            secrets.consent(self.cloud, self.spotify, slug, **changes)

    def token(self, slug):
        return json.loads(secrets.payloads(self.cloud, f"refresh-token-{slug}")[-1])

    def call(self, path):
        """Somebody else's call to Google's services."""
        requests.post(
            self.cloud.environment["SECRETMANAGER_EMULATOR_HOST"] + path, json={}, timeout=10
        ).raise_for_status()

    def travel(self, **time):
        self._traveller.shift(timedelta(**time))

    def run(self, slot=SLOT, **headers):
        """Cloud Scheduler's call. It takes a second."""
        if slot:
            headers = {"X-CloudScheduler-ScheduleTime": slot.isoformat()} | headers
        with self.settings(), contextlib.redirect_stdout(io.StringIO()) as stdout:
            response = self.client.post("/", headers=headers)
        self.travel(seconds=1)
        entries = [json.loads(line) for line in stdout.getvalue().splitlines()]
        log = [entry for entry in entries if entry["severity"] != "INFO"]
        assert len(entries) - len(log) == (response.status_code in (200, 503))
        polled = next((entry["polled"] for entry in entries if entry["severity"] == "INFO"), None)
        return Answer(response.status_code, response.get_json(silent=True), log, polled)

    def landed(self):
        """Content of each object in the landing bucket, by name."""
        return self._objects(self.landing)

    def quarantined(self):
        return {name: json.loads(content) for name, content in self._objects(self.quarantine).items()}

    def _objects(self, bucket):
        storage = self.cloud.storage
        return {name: storage.read(bucket, name).decode() for name in storage.names(bucket)}

    def load(self, name=OBJECT):
        """The plays of an object reach the warehouse and, as those of a run's file, the ledger."""
        table = f"{self.project}.{self.dataset}.plays"
        config = bigquery.LoadJobConfig(
            source_format="CSV",
            skip_leading_rows=1,
            schema=self.warehouse.get_table(table).schema,
            allow_quoted_newlines=True,
            write_disposition="WRITE_APPEND",
            create_disposition="CREATE_NEVER",
        )
        job = self.warehouse.load_table_from_uri(f"gs://{self.landing}/{name}", table, job_config=config).result()
        run_id = name.rpartition("/")[2].removesuffix(".csv")
        if run_id.endswith("Z"):
            self.tell(run_id, "load", "succeeded", rows_in=job.output_rows)

    def tell(self, run_id, step, state, finished_at=None, **values):
        """A row of the ledger that another step has written, or an earlier run."""
        slot = datetime.strptime(run_id, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        instants = dict.fromkeys(("started_at", "finished_at"), finished_at or self.cloud.clock.now())
        row = {"run_id": run_id, "slot": slot, "step": step, "state": state, **instants, **values}
        seed(self.cloud, "runs", [row])

    def plays(self):
        return self.rows("plays", "listener_id, played_at, track_id")

    def gaps(self):
        return self.rows("gaps", "listener_id, gap_start, gap_end")

    def ledger(self):
        """The rows of ingest in the ledger without the two instants that a test cannot know."""
        rows = [row for row in self.rows("runs", "finished_at") if row["step"] == "ingest"]
        for row in rows:
            assert timedelta(0) <= row.pop("finished_at") - row.pop("started_at") < timedelta(minutes=2)
        return rows


def expected_row(play, **values):
    """A play of the invented Spotify as its row, made from what is true and not from what was answered."""
    return {
        **proofs.expected_row(play, with_features=False),
        "run_id": RUN_ID,
        **dict.fromkeys(("import_id", "ms_played_import_id", "reported_at")),
        **dict.fromkeys(("reason_start", "reason_end", "skipped", "shuffle", "incognito_mode")),
        **values,
    }


@contextlib.contextmanager
def ingesting_clouds(*directories, **details):
    """One or several clouds, three seconds after the slot; nothing but the test and its runs move the time."""
    with contextlib.ExitStack() as stack:
        traveller = stack.enter_context(time_machine.travel(SLOT + timedelta(seconds=3), tick=False))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr("http_client._FIRST_WAIT_SECONDS", 0.01)
        patch.setattr("http_client._PAUSE_SECONDS_BY_DEFAULT", 0)
        yield [stack.enter_context(_one_cloud(directory, traveller, details)) for directory in directories]


@contextlib.contextmanager
def _one_cloud(directory, traveller, details):
    with LaptopCloud(directory, forgetful=True) as cloud:
        spotify = FaultySpotify(cloud.clock, 1, invented_listeners(3), **details)
        server = Server("spotify", spotify.routes, cloud.faults).start()
        yield Ingesting(cloud, spotify, server.url, traveller)
        server.stop()
