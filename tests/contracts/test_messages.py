"""What one part writes, the next one reads: object names, the message plays-loaded, a batch's arguments."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

import buckets
import dataproc
import landed_object
import plays_loaded
import slots
import trigger_cloud
from spark_jobs.top_tracks import parse_arguments
from tests.load.harness import csv_of, loading_cloud, play

SLOT = datetime(2026, 11, 22, 10, tzinfo=UTC)


@given(st.integers(1_400_000_000, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_load_recognises_the_name_of_every_file_that_ingest_lands(slot):
    run_id = slots.Run(slot, slot).run_id
    landed = landed_object.LandedObject("bucket", buckets.object_name(run_id), 1)
    assert (landed.is_run_file, landed.run_id, landed.slot) == (True, run_id, slot)


def test_transform_trigger_reads_the_message_that_load_publishes(tmp_path, monkeypatch):
    """Through the laptop's Pub/Sub, as it is pushed."""
    with loading_cloud(tmp_path) as loading:
        received = []
        loading.cloud.subscribe(
            "google.cloud.pubsub.topic.v1.messagePublished", lambda headers, body: received.append(body) or 200
        )
        loading.land(csv_of(play(0), play(4)))
        loading.deliver()
        loading.deliver()
    [event] = received
    plays = plays_loaded.parse_event(json.loads(event))
    assert (plays.run_id, plays.slot, plays.rows_new) == ("20261122T100000Z", SLOT, 2)
    assert abs(plays.committed_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_job_reads_the_arguments_of_a_batch_as_they_were_meant():
    environ = {
        "GOOGLE_CLOUD_PROJECT": "a-project",
        "LOCATION": "us-central1",
        "SPARK_JOB_URI": "gs://code/top_tracks.py",
        "SPARK_TEMP_BUCKET": "temporary",
        "SPARK_SERVICE_ACCOUNT": "spark@a-project.iam.gserviceaccount.com",
    }
    plays = plays_loaded.PlaysLoaded("20261122T100000Z", SLOT, 2, SLOT)
    settings = trigger_cloud.Settings.from_env(environ)
    sent = dataproc.job_arguments(settings, plays, SLOT + timedelta(minutes=1))
    assert vars(parse_arguments(sent)) == {
        "project": "a-project",
        "dataset": "listening",
        "temp_bucket": "temporary",
        "run_id": "20261122T100000Z",
        "slot": SLOT,
        "as_of": SLOT + timedelta(minutes=1),
    }
