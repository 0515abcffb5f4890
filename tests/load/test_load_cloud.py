"""Load's settings: what is missing or malformed is named, what is optional has a default that suits the cloud."""

import pytest

from load_cloud import Settings
from load_errors import SettingsError

ENVIRONMENT = {
    "GOOGLE_CLOUD_PROJECT": "rotation-1",
    "LOCATION": "europe-west1",
    "LANDING_BUCKET": "rotation-1-landing",
    "QUARANTINE_BUCKET": "rotation-1-quarantine",
    "PLAYS_BOUNDS": '{"tempo": {"minimum": 0, "maximum": 500}, "album_release_date": {"pattern": "[0-9]{4}"}, '
    '"played_at": {"minimum": "2006-01-01T00:00:00Z", "seconds_ahead": 60}}',
}


def test_what_is_optional_has_a_default_that_suits_the_cloud():
    assert Settings.from_env(ENVIRONMENT) == Settings(
        project="rotation-1",
        location="europe-west1",
        dataset="listening",
        staging_dataset="listening_staging",
        landing_bucket="rotation-1-landing",
        quarantine_bucket="rotation-1-quarantine",
        plays_loaded_topic="plays-loaded",
        pubsub_host="pubsub.googleapis.com",
        bounds={
            "tempo": "`tempo` BETWEEN 0 AND 500",
            "album_release_date": "REGEXP_CONTAINS(`album_release_date`, '^([0-9]{4})$')",
            "played_at": "`played_at` BETWEEN TIMESTAMP '2006-01-01T00:00:00+00:00' "
            "AND TIMESTAMP_ADD(@now, INTERVAL 60 SECOND)",
        },
    )


@pytest.mark.parametrize("name", ENVIRONMENT)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_setting_is_named(name, value):
    environ = {key: text for key, text in {**ENVIRONMENT, name: value}.items() if text is not None}

    with pytest.raises(SettingsError, match=f"setting {name} is missing"):
        Settings.from_env(environ)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GOOGLE_CLOUD_PROJECT", "p`.listening.plays; --"),
        ("LOCATION", "eu west"),
        ("DATASET", "listening.plays"),
        ("STAGING_DATASET", "staging`"),
        ("LANDING_BUCKET", "gs://landing"),
        ("QUARANTINE_BUCKET", "a/b"),
        ("PLAYS_LOADED_TOPIC", "projects/p/topics/plays-loaded"),
        ("PUBSUB_EMULATOR_HOST", "ftp://127.0.0.1"),
        ("PLAYS_BOUNDS", "no JSON"),
        ("PLAYS_BOUNDS", "[0]"),
        ("PLAYS_BOUNDS", '{"tempo` OR 1": {"minimum": 0, "maximum": 1}}'),
        ("PLAYS_BOUNDS", '{"tempo": {"minimum": "0) OR (1", "maximum": 1}}'),
        ("PLAYS_BOUNDS", '{"tempo": {"minimum": 0}}'),
        ("PLAYS_BOUNDS", '{"tempo": [0, 1]}'),
        ("PLAYS_BOUNDS", '{"isrc": {"pattern": "\')) OR (\'"}}'),
        ("PLAYS_BOUNDS", '{"played_at": {"minimum": "once", "seconds_ahead": 1}}'),
    ],
)
def test_a_malformed_setting_is_named_and_not_quoted(name, value):
    with pytest.raises(SettingsError, match=f"setting {name} is malformed") as caught:
        Settings.from_env({**ENVIRONMENT, name: value})

    assert value not in str(caught.value)
