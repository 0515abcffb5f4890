"""The laptop cloud inside a test: everything is there at once."""

import os
from pathlib import Path

import pytest
from google.cloud import bigquery, storage

from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.gcp.set_up import JOB_FILE
from tests.localcloud.conftest import point_clients_at

SETTINGS = {
    *("GOOGLE_CLOUD_PROJECT", "LOCATION", "DATASET", "STAGING_DATASET", "LANDING_BUCKET", "QUARANTINE_BUCKET"),
    *("STORAGE_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST", "SECRETMANAGER_EMULATOR_HOST", "DATAPROC_EMULATOR_HOST"),
    *("PUBSUB_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "SPARK_JOB_URI", "SPARK_TEMP_BUCKET"),
    *("PLAYS_LOADED_TOPIC", "SPARK_SERVICE_ACCOUNT", "SPOTIFY_ACCOUNTS_URL", "SPOTIFY_API_URL", "RECCOBEATS_API_URL"),
}


def test_all_that_a_function_expects_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LaptopCloud(tmp_path) as cloud:
        point_clients_at(cloud, monkeypatch)
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


def test_the_real_spotify_is_not_called_by_accident(tmp_path: Path) -> None:
    with LaptopCloud(tmp_path) as cloud:
        urls = {name: url for name, url in cloud.environment.items() if name.startswith(("SPOTIFY", "RECCOBEATS"))}
    discard = "http://127.0.0.1:9"
    assert urls == {"SPOTIFY_ACCOUNTS_URL": discard, "SPOTIFY_API_URL": discard, "RECCOBEATS_API_URL": discard}
