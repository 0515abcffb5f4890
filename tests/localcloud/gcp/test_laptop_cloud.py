"""The laptop cloud inside a test: everything is there at once, and again after a restart."""

import json
import os
from pathlib import Path

import pytest
from google.cloud import bigquery, storage

from localcloud.gcp.eventarc.cloud_events import FINALIZED
from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.gcp.set_up import JOB_FILE

SETTINGS = {
    *("GOOGLE_CLOUD_PROJECT", "LOCATION", "DATASET", "STAGING_DATASET", "LANDING_BUCKET", "QUARANTINE_BUCKET"),
    *("STORAGE_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST", "SECRETMANAGER_EMULATOR_HOST", "DATAPROC_EMULATOR_HOST"),
    *("PUBSUB_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "SPARK_JOB_URI", "SPARK_TEMP_BUCKET"),
    *("PLAYS_LOADED_TOPIC", "SPARK_SERVICE_ACCOUNT", "SPOTIFY_ACCOUNTS_URL", "SPOTIFY_API_URL", "RECCOBEATS_API_URL"),
}


def _point_here(cloud: LaptopCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)


def test_all_that_a_function_expects_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LaptopCloud(tmp_path) as cloud:
        _point_here(cloud, monkeypatch)
        client = storage.Client()
        for name in ("LANDING_BUCKET", "QUARANTINE_BUCKET", "SPARK_TEMP_BUCKET"):
            assert list(client.list_blobs(os.environ[name])) == []
        with bigquery.Client() as client:
            tables = {table.table_id for table in client.list_tables(os.environ["DATASET"])}
        topic = f"projects/{os.environ['GOOGLE_CLOUD_PROJECT']}/topics/{os.environ['PLAYS_LOADED_TOPIC']}"
        job = cloud.storage.read_object(cloud.environment["SPARK_JOB_URI"])

        assert cloud.environment.keys() >= SETTINGS
        assert tables == {
            "plays",
            "gaps",
            "closed_gaps",
            "imports",
            "runs",
            "top_tracks",
            "tracks",
            "catalogue",
            "counted_plays",
        }
        assert len(cloud.pubsub.publish(topic, [{"data": "eA=="}])) == 1
        assert job.read_bytes() == JOB_FILE.read_bytes()


def test_events_go_out_when_they_are_asked_for_and_survive_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[str] = []

    def deliver(headers: dict[str, str], body: bytes) -> int:
        received.append(json.loads(body)["name"])
        return 500 if len(received) == 1 else 200

    with LaptopCloud(tmp_path) as cloud:
        _point_here(cloud, monkeypatch)
        landing = cloud.environment["LANDING_BUCKET"]
        cloud.subscribe(FINALIZED, deliver, landing)
        storage.Client().bucket(landing).blob("a.csv").upload_from_string("x")
        assert received == []
        assert [status for _, status in cloud.deliver_pending()] == [500]

    with LaptopCloud(tmp_path) as cloud:
        cloud.subscribe(FINALIZED, deliver, landing)
        assert [status for _, status in cloud.deliver_pending()] == [200]
    assert received == ["a.csv", "a.csv"]


def test_the_real_spotify_is_not_called_by_accident(tmp_path: Path) -> None:
    with LaptopCloud(tmp_path) as cloud:
        urls = {name: url for name, url in cloud.environment.items() if name.startswith(("SPOTIFY", "RECCOBEATS"))}
    discard = "http://127.0.0.1:9"
    assert urls == {"SPOTIFY_ACCOUNTS_URL": discard, "SPOTIFY_API_URL": discard, "RECCOBEATS_API_URL": discard}
