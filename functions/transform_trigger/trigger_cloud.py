"""Reads transform_trigger's settings from the environment and makes its clients."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from google.api_core.client_options import ClientOptions
from google.cloud import bigquery, dataproc_v1

from trigger_errors import SettingsError


@dataclass(frozen=True)
class Settings:
    project: str
    location: str
    dataset: str
    job_uri: str
    temp_bucket: str
    service_account: str
    subnetwork: str | None
    min_interval: timedelta
    """No batch is submitted when the last one was created less than this ago; zero switches that off."""
    dataproc_endpoint: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Raises SettingsError, which names the variable."""
        location = _read(environ, "LOCATION", r"[a-z0-9-]+")
        return cls(
            project=_read(environ, "GOOGLE_CLOUD_PROJECT", r"[a-z0-9.:-]+"),
            location=location,
            dataset=_read(environ, "DATASET", r"[A-Za-z0-9_]+", "listening"),
            job_uri=_read(environ, "SPARK_JOB_URI", r"gs://.+\.py"),
            temp_bucket=_read(environ, "SPARK_TEMP_BUCKET", r"[a-z0-9][a-z0-9._-]+"),
            service_account=_read(environ, "SPARK_SERVICE_ACCOUNT", r"[^@\s]+@[^@\s]+"),
            subnetwork=environ.get("SPARK_SUBNETWORK") or None,
            min_interval=timedelta(minutes=int(_read(environ, "TOP_TRACKS_MIN_INTERVAL_MINUTES", r"[0-9]{1,6}", "0"))),
            # Batches belong to a region and are reached through that region's endpoint only.
            dataproc_endpoint=environ.get("DATAPROC_EMULATOR_HOST") or f"{location}-dataproc.googleapis.com",
        )

    @property
    def parent(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"


def _read(environ: Mapping[str, str], name: str, form: str, default: str = "") -> str:
    value = environ.get(name) or default
    if not value:
        raise SettingsError(f"The setting {name} is missing")
    if not re.fullmatch(form, value):
        raise SettingsError(f"The setting {name} is malformed: it must match {form}")
    return value


@dataclass(frozen=True)
class Cloud:
    settings: Settings
    dataproc: dataproc_v1.BatchControllerClient
    bigquery: bigquery.Client

    @classmethod
    def connect(cls, settings: Settings) -> "Cloud":
        at = ClientOptions(api_endpoint=settings.dataproc_endpoint)
        config = bigquery.QueryJobConfig(default_dataset=bigquery.DatasetReference(settings.project, settings.dataset))
        return cls(
            settings,
            dataproc_v1.BatchControllerClient(transport="rest", client_options=at),
            bigquery.Client(settings.project, location=settings.location, default_query_job_config=config),
        )
