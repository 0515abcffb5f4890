"""Reads ingest's settings from the environment, checks them, and makes its clients, once per process."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

import google.auth
from google.cloud import bigquery
from google.cloud.secretmanager import SecretManagerServiceClient
from google.cloud.storage import Bucket
from google.cloud.storage import Client as StorageClient

from http_client import Session

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
    catalogue_tracks_per_run: int
    secret_manager_endpoint: str | None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        source = environ.get("AUDIO_FEATURES_SOURCE") or "off"
        if source not in FEATURE_SOURCES:
            raise SettingsError(f"The setting AUDIO_FEATURES_SOURCE must be one of {', '.join(FEATURE_SOURCES)}.")
        tracks = environ.get("CATALOGUE_TRACKS_PER_RUN") or "40"
        if not re.fullmatch("[0-9]{1,4}", tracks):
            raise SettingsError("The setting CATALOGUE_TRACKS_PER_RUN must be a number from 0 to 9999.")
        return cls(
            project=_required(environ, "GOOGLE_CLOUD_PROJECT"),
            location=_required(environ, "LOCATION"),
            dataset=environ.get("DATASET") or "listening",
            landing_bucket=_required(environ, "LANDING_BUCKET"),
            quarantine_bucket=_required(environ, "QUARANTINE_BUCKET"),
            spotify_accounts_url=_url(environ, "SPOTIFY_ACCOUNTS_URL", "https://accounts.spotify.com"),
            spotify_api_url=_url(environ, "SPOTIFY_API_URL", "https://api.spotify.com"),
            reccobeats_api_url=_url(environ, "RECCOBEATS_API_URL", "https://api.reccobeats.com"),
            audio_features_source=source,
            catalogue_tracks_per_run=int(tracks),
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


@dataclass(frozen=True)
class Cloud:
    settings: Settings
    secrets: SecretManagerServiceClient
    bigquery: bigquery.Client
    landing: Bucket
    quarantine: Bucket
    http: Session
    """For Spotify and ReccoBeats."""


def connect(settings: Settings) -> Cloud:
    """Makes no call. Storage and BigQuery find their endpoints in the environment by themselves."""
    # Else the storage client fetches each bucket's metadata in the background, for traces that are not collected.
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    # Named, because the client takes none to an endpoint of STORAGE_EMULATOR_HOST by itself.
    storage = StorageClient(settings.project, credentials=google.auth.default()[0])
    options = {"api_endpoint": settings.secret_manager_endpoint} if settings.secret_manager_endpoint else None
    config = bigquery.QueryJobConfig(default_dataset=bigquery.DatasetReference(settings.project, settings.dataset))
    return Cloud(
        settings,
        SecretManagerServiceClient(transport="rest", client_options=options),
        bigquery.Client(settings.project, location=settings.location, default_query_job_config=config),
        storage.bucket(settings.landing_bucket),
        storage.bucket(settings.quarantine_bucket),
        Session(),
    )
