from dataclasses import replace

import pytest

from ingest_cloud import Settings, SettingsError

REQUIRED = {
    "GOOGLE_CLOUD_PROJECT": "p",
    "LOCATION": "us-central1",
    "LANDING_BUCKET": "landing",
    "QUARANTINE_BUCKET": "quarantine",
}


DEFAULTS = Settings(
    project="p",
    location="us-central1",
    dataset="listening",
    landing_bucket="landing",
    quarantine_bucket="quarantine",
    spotify_accounts_url="https://accounts.spotify.com",
    spotify_api_url="https://api.spotify.com",
    reccobeats_api_url="https://api.reccobeats.com",
    audio_features_source="off",
    catalogue_tracks_per_run=40,
    secret_manager_endpoint=None,
)


def test_defaults_suit_the_cloud():
    assert Settings.from_env(REQUIRED) == DEFAULTS


def test_every_setting_can_be_replaced():
    environ = {
        **REQUIRED,
        "DATASET": "d",
        "SPOTIFY_ACCOUNTS_URL": "http://127.0.0.1:1/",
        "SPOTIFY_API_URL": "http://127.0.0.1:2",
        "RECCOBEATS_API_URL": "http://127.0.0.1:3/reccobeats",
        "AUDIO_FEATURES_SOURCE": "reccobeats",
        "CATALOGUE_TRACKS_PER_RUN": "7",
        "SECRETMANAGER_EMULATOR_HOST": "http://127.0.0.1:4",  # pragma: allowlist secret -- an address
    }
    assert Settings.from_env(environ) == replace(
        DEFAULTS,
        dataset="d",
        spotify_accounts_url="http://127.0.0.1:1",
        spotify_api_url="http://127.0.0.1:2",
        reccobeats_api_url="http://127.0.0.1:3/reccobeats",
        audio_features_source="reccobeats",
        catalogue_tracks_per_run=7,
        secret_manager_endpoint="http://127.0.0.1:4",  # pragma: allowlist secret -- an address
    )


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_setting_is_named(name, value):
    environ = {key: text for key, text in (REQUIRED | {name: value}).items() if text is not None}
    with pytest.raises(SettingsError, match=rf"^The setting {name} is missing\.$"):
        Settings.from_env(environ)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("AUDIO_FEATURES_SOURCE", "Spotify!", "must be one of off, spotify, reccobeats"),
        ("CATALOGUE_TRACKS_PER_RUN", "-1", "must be a number from 0 to 9999"),
        ("SPOTIFY_API_URL", "api.spotify.com", "must start with https:// or http://"),
        ("SPOTIFY_ACCOUNTS_URL", "ftp://x", "must start with https:// or http://"),
        ("RECCOBEATS_API_URL", "//x", "must start with https:// or http://"),
    ],
)
def test_a_malformed_setting_is_named_with_the_rule_but_not_with_its_value(name, value, rule):
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(REQUIRED | {name: value})
    assert str(caught.value) == f"The setting {name} {rule}."
