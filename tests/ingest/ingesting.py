"""The function ingest inside the laptop cloud, with an invented Spotify, at a fixed time."""

import contextlib
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import functions_framework
import pytest
import time_machine
from google.cloud import bigquery

from localcloud.in_process import LaptopCloud
from localcloud.invented_listeners import invented_listeners
from localcloud.spotify import Spotify
from localcloud.web import Server

ROOT = Path(__file__).parents[2]
SLOT = datetime(2026, 11, 22, 10, tzinfo=UTC)
RUN_ID, OBJECT = "20261122T100000Z", "plays/2026/11/22/20261122T100000Z.csv"
FEATURES = (
    "danceability energy key loudness mode speechiness acousticness instrumentalness liveness valence tempo "
    "time_signature"
).split()


class Answer(NamedTuple):
    """`log`: the entries of the run, without the severity INFO."""

    status: int
    body: dict
    log: list


class Ingesting:
    def __init__(self, cloud, spotify, traveller):
        self.cloud, self.spotify, self._traveller = cloud, spotify, traveller
        self.slugs = list(spotify.listeners)
        self.landing, self.quarantine = cloud.environment["LANDING_BUCKET"], cloud.environment["QUARANTINE_BUCKET"]
        self.project, self.dataset = cloud.environment["GOOGLE_CLOUD_PROJECT"], cloud.environment["DATASET"]
        self.warehouse = bigquery.Client(self.project, location=cloud.environment["LOCATION"])
        app = {"client_id": spotify.app.client_id, "client_secret": spotify.app.client_secret}
        self.store("spotify-client", app)
        self.restart()

    def restart(self):
        """What Cloud Run does with a function that was killed."""
        source = ROOT / "functions/ingest/main.py"
        self.client = functions_framework.create_app("ingest", str(source), "http").test_client()

    def store(self, secret, payload, labels=None):
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.cloud.secrets.store(self.project, secret, content, labels)

    def authorize(self, *slugs, **changes):
        """What `python -m cli authorize` leaves behind."""
        for slug in slugs:
            labels = {"app": "heavy-rotation", "kind": "refresh-token", "listener": slug}
            self.store(f"refresh-token-{slug}", self.spotify.consent(slug) | changes, labels)

    def token(self, slug):
        return json.loads(self.cloud.secrets.payload(self.project, f"refresh-token-{slug}"))

    def travel(self, **time):
        self._traveller.shift(timedelta(**time))

    def run(self, slot=SLOT, **headers):
        """Cloud Scheduler's call."""
        headers = {"X-CloudScheduler-ScheduleTime": slot.isoformat()} | headers
        with contextlib.redirect_stdout(io.StringIO()) as stdout:
            response = self.client.post("/", headers=headers)
        entries = [json.loads(line) for line in stdout.getvalue().splitlines()]
        log = [entry for entry in entries if entry["severity"] != "INFO"]
        assert len(entries) - len(log) == (response.status_code in (200, 503))
        return Answer(response.status_code, response.get_json(silent=True), log)

    def landed(self):
        """Content of each object in the landing bucket, by name."""
        return self._objects(self.landing)

    def quarantined(self):
        return {name: json.loads(content) for name, content in self._objects(self.quarantine).items()}

    def _objects(self, bucket):
        storage = self.cloud.storage
        return {name: storage.read(bucket, name).decode() for name in storage.names(bucket)}

    def load(self, name=OBJECT):
        """The plays of an object reach the warehouse."""
        table = f"{self.project}.{self.dataset}.plays"
        config = bigquery.LoadJobConfig(
            source_format="CSV",
            skip_leading_rows=1,
            schema=self.warehouse.get_table(table).schema,
            allow_quoted_newlines=True,
            write_disposition="WRITE_APPEND",
            create_disposition="CREATE_NEVER",
        )
        self.warehouse.load_table_from_uri(f"gs://{self.landing}/{name}", table, job_config=config).result()

    def rows(self, table, order):
        rows = self.warehouse.query_and_wait(f"SELECT * FROM {self.dataset}.{table} ORDER BY {order}")
        return [dict(row) for row in rows]

    def plays(self):
        return self.rows("plays", "listener_id, played_at, track_id")

    def gaps(self):
        return self.rows("gaps", "listener_id, gap_start, gap_end")

    def ledger(self):
        """The rows of the ledger without the two instants that a test cannot know."""
        rows = self.rows("runs", "finished_at")
        for row in rows:
            assert timedelta(0) <= row.pop("finished_at") - row.pop("started_at") < timedelta(minutes=2)
        return rows


def expected_row(play, **values):
    """A play of the invented Spotify as its row, made from what is true and not from what was answered."""
    track, album = play.track, play.track.album
    return {
        "listener_id": play.listener,
        "played_at": play.played_at,
        "track_id": track.id,
        "track_name": track.name,
        "artist_id": track.artists[0].id,
        "artist_name": track.artists[0].name,
        "artist_names": "; ".join(artist.name for artist in track.artists),
        "album_id": album.id,
        "album_name": album.name,
        "album_release_date": album.release_date,
        "image_url": album.image_urls[max(album.image_urls)],
        "isrc": track.isrc,
        "duration_ms": track.duration_ms,
        "explicit": track.explicit,
        "popularity": None,
        "context_type": play.context and play.context.type,
        "context_uri": play.context and play.context.uri,
        "ms_played": None,
        **dict.fromkeys(FEATURES),
        "features_source": None,
        "source": "api",
        "run_id": RUN_ID,
        **values,
    }


@contextlib.contextmanager
def ingesting_cloud(directory, **settings):
    """Three seconds after the slot; nothing but the test moves the time."""
    with (
        time_machine.travel(SLOT + timedelta(seconds=3)) as traveller,
        LaptopCloud(directory) as cloud,
        pytest.MonkeyPatch.context() as patch,
    ):
        spotify = Spotify(cloud.clock, 1, invented_listeners(3))
        server = Server("spotify", spotify.routes, cloud.faults).start()
        urls = {"SPOTIFY_ACCOUNTS_URL": server.url, "SPOTIFY_API_URL": server.url}
        for name, value in {**cloud.environment, **urls, **settings}.items():
            patch.setenv(name, value)
        yield Ingesting(cloud, spotify, traveller)
        server.stop()
