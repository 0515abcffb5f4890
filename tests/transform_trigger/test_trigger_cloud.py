"""transform_trigger's settings: what is missing or malformed is named, what is optional has a default."""

from datetime import timedelta

import pytest

from trigger_cloud import Settings
from trigger_errors import SettingsError

ENVIRONMENT = {
    "GOOGLE_CLOUD_PROJECT": "rotation-1",
    "LOCATION": "europe-west1",
    "SPARK_JOB_URI": "gs://rotation-1-code/top_tracks.py",
    "SPARK_TEMP_BUCKET": "rotation-1-spark-temp",
    "SPARK_SERVICE_ACCOUNT": "spark@rotation-1.iam.gserviceaccount.com",
}


def test_what_is_optional_has_a_default_that_suits_the_cloud():
    assert Settings.from_env(ENVIRONMENT) == Settings(
        project="rotation-1",
        location="europe-west1",
        dataset="listening",
        job_uri="gs://rotation-1-code/top_tracks.py",
        temp_bucket="rotation-1-spark-temp",
        service_account="spark@rotation-1.iam.gserviceaccount.com",
        subnetwork=None,
        min_interval=timedelta(0),
        dataproc_endpoint="europe-west1-dataproc.googleapis.com",
    )


def test_the_dataset_can_have_another_name():
    assert Settings.from_env({**ENVIRONMENT, "DATASET": "music"}).dataset == "music"


@pytest.mark.parametrize("name", ENVIRONMENT)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_setting_is_named(name, value):
    environ = {key: text for key, text in {**ENVIRONMENT, name: value}.items() if text is not None}

    with pytest.raises(SettingsError, match=f"setting {name} is missing"):
        Settings.from_env(environ)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GOOGLE_CLOUD_PROJECT", "p`.listening.runs; --"),
        ("LOCATION", "eu west"),
        ("DATASET", "listening.runs"),
        ("SPARK_JOB_URI", "/top_tracks.py"),
        ("SPARK_TEMP_BUCKET", "gs://temp"),
        ("SPARK_SERVICE_ACCOUNT", "spark"),
        ("TOP_TRACKS_MIN_INTERVAL_MINUTES", "an hour"),
        ("TOP_TRACKS_MIN_INTERVAL_MINUTES", "-5"),
    ],
)
def test_a_malformed_setting_is_named_and_not_quoted(name, value):
    with pytest.raises(SettingsError, match=f"setting {name} is malformed") as caught:
        Settings.from_env({**ENVIRONMENT, name: value})

    assert value not in str(caught.value)
