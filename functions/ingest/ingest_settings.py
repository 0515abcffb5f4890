"""What ingest is told from outside: read once from the environment, checked, typed."""

from collections.abc import Mapping
from dataclasses import dataclass

FEATURE_SOURCES = ("off", "spotify", "reccobeats")


class SettingsError(Exception):
    """A setting is missing or malformed. Names the variable, never its value."""


@dataclass(frozen=True)
class Settings:
    """Endpoints that are None mean Google's own."""

    project: str
    location: str
    dataset: str
    landing_bucket: str
    quarantine_bucket: str
    spotify_accounts_url: str
    spotify_api_url: str
    reccobeats_api_url: str
    audio_features_source: str
    secret_manager_endpoint: str | None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        return cls(
            project=_required(environ, "GOOGLE_CLOUD_PROJECT"),
            location=_required(environ, "LOCATION"),
            dataset=environ.get("DATASET") or "listening",
            landing_bucket=_required(environ, "LANDING_BUCKET"),
            quarantine_bucket=_required(environ, "QUARANTINE_BUCKET"),
            spotify_accounts_url=_url(environ, "SPOTIFY_ACCOUNTS_URL", "https://accounts.spotify.com"),
            spotify_api_url=_url(environ, "SPOTIFY_API_URL", "https://api.spotify.com"),
            reccobeats_api_url=_url(environ, "RECCOBEATS_API_URL", "https://api.reccobeats.com"),
            audio_features_source=_feature_source(environ),
            secret_manager_endpoint=environ.get("SECRETMANAGER_EMULATOR_HOST") or None,
        )


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if not value:
        raise SettingsError(f"The setting {name} is missing.")
    return value


def _url(environ: Mapping[str, str], name: str, default: str) -> str:
    value = environ.get(name) or default
    if not value.startswith(("https://", "http://")):
        raise SettingsError(f"The setting {name} must start with https:// or http://.")
    return value.rstrip("/")


def _feature_source(environ: Mapping[str, str]) -> str:
    value = environ.get("AUDIO_FEATURES_SOURCE") or "off"
    if value not in FEATURE_SOURCES:
        raise SettingsError(f"The setting AUDIO_FEATURES_SOURCE must be one of {', '.join(FEATURE_SOURCES)}.")
    return value
