"""The clients that ingest works with, made once per process."""

import os
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy

import google.auth
import requests
from google.cloud import bigquery
from google.cloud.secretmanager import SecretManagerServiceClient
from google.cloud.storage import Bucket
from google.cloud.storage import Client as StorageClient

from ingest_settings import Settings


@dataclass(frozen=True)
class Cloud:
    settings: Settings
    secrets: SecretManagerServiceClient
    bigquery: bigquery.Client
    landing: Bucket
    quarantine: Bucket
    http: requests.Session
    """For Spotify and ReccoBeats."""


def connect(settings: Settings) -> Cloud:
    """Makes no call. Storage and BigQuery find their endpoints in the environment by themselves."""
    # Else the storage client asks for each bucket's metadata in the background, for traces that nobody collects.
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    # Named, because the client takes none to an endpoint of STORAGE_EMULATOR_HOST by itself.
    storage = StorageClient(settings.project, credentials=google.auth.default()[0])
    return Cloud(
        settings,
        _secret_manager(settings),
        _bigquery(settings),
        storage.bucket(settings.landing_bucket),
        storage.bucket(settings.quarantine_bucket),
        _session(),
    )


def _secret_manager(settings: Settings) -> SecretManagerServiceClient:
    endpoint = settings.secret_manager_endpoint
    options = {"api_endpoint": endpoint} if endpoint else None
    return SecretManagerServiceClient(transport="rest", client_options=options)


def _bigquery(settings: Settings) -> bigquery.Client:
    dataset = bigquery.DatasetReference(settings.project, settings.dataset)
    config = bigquery.QueryJobConfig(default_dataset=dataset)
    return bigquery.Client(settings.project, location=settings.location, default_query_job_config=config)


def _session() -> requests.Session:
    """Keeps connections, but no cookies: what Spotify says to one listener is not for the next."""
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return session
