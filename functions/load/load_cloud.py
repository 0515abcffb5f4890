"""Reads load's settings, makes its clients, and publishes the message `plays-loaded`."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.api_core.retry import Retry
from google.cloud import bigquery
from google.pubsub_v1 import PublisherClient, PubsubMessage
from google.pubsub_v1.services.publisher.transports.rest import PublisherRestTransport

from load_errors import SettingsError

Conditions = Mapping[str, str]
"""By column: a condition in SQL, true where the value may be stored, NULL where there is none. @now is the clock."""

_COLUMN = re.compile("[a-z_]+")
# Nothing that could end a literal, or would need a backslash in it.
_PATTERN = re.compile(r"[\w()\[\]{}|?*+.,-]+", re.ASCII)
_BUCKET = r"[a-z0-9][a-z0-9._-]+"
_CALL_SECONDS = 30
# The client's own default repeats for ten minutes, longer than an event may take.
_RETRY = Retry(initial=0.5, maximum=10, timeout=60)


@dataclass(frozen=True)
class Settings:
    project: str
    location: str
    dataset: str
    staging_dataset: str
    """Its tables expire: the dataset sets when."""
    landing_bucket: str
    quarantine_bucket: str
    plays_loaded_topic: str
    """The topic's id, not its path."""
    pubsub_host: str
    bounds: Conditions
    """What a value of `plays` may be."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Raises SettingsError, which names the variable."""
        return cls(
            project=_read(environ, "GOOGLE_CLOUD_PROJECT", r"[a-z0-9.:-]+"),
            location=_read(environ, "LOCATION", r"[A-Za-z0-9-]+"),
            dataset=_read(environ, "DATASET", r"[A-Za-z0-9_]+", "listening"),
            staging_dataset=_read(environ, "STAGING_DATASET", r"[A-Za-z0-9_]+", "listening_staging"),
            landing_bucket=_read(environ, "LANDING_BUCKET", _BUCKET),
            quarantine_bucket=_read(environ, "QUARANTINE_BUCKET", _BUCKET),
            plays_loaded_topic=_read(environ, "PLAYS_LOADED_TOPIC", r"[A-Za-z][A-Za-z0-9._~+%-]+", "plays-loaded"),
            pubsub_host=_read(environ, "PUBSUB_EMULATOR_HOST", r"(https?://)?[A-Za-z0-9.:-]+", "pubsub.googleapis.com"),
            bounds=_read_bounds(environ),
        )

    def table(self, name: str) -> str:
        """A table's full id. The forms above keep it free of anything that could end a quoted identifier."""
        return f"{self.project}.{self.dataset}.{name}"


def _read_bounds(environ: Mapping[str, str]) -> Conditions:
    """The bounds stand in the table file of `plays`, beside each column's unit; the deployment hands them over as JSON.

    A value outside becomes NULL, or refuses its row where the column is required: BigQuery takes any number and any
    instant, but no sum, no partition and no page does.
    """
    try:
        bounds = json.loads(_read(environ, "PLAYS_BOUNDS", r"(?s).+"))
        if not isinstance(bounds, dict):
            raise ValueError("The bounds are not a JSON object")
        return {column: _condition(column, bound) for column, bound in bounds.items()}
    except ValueError as error:
        raise SettingsError(f"The setting PLAYS_BOUNDS is malformed: {error}") from None


def _condition(column: str, bound: Any) -> str:
    if not _COLUMN.fullmatch(column):
        raise ValueError("A bound's column has no name of a column")
    match bound:
        case {"pattern": str(pattern)} if _PATTERN.fullmatch(pattern):
            return f"REGEXP_CONTAINS(`{column}`, '^({pattern})$')"
        case {"minimum": str(earliest), "seconds_ahead": int(seconds)}:
            first = f"TIMESTAMP '{datetime.fromisoformat(earliest).isoformat()}'"
            return f"`{column}` BETWEEN {first} AND TIMESTAMP_ADD(@now, INTERVAL {seconds} SECOND)"
        case {"minimum": int() | float() as least, "maximum": int() | float() as most}:
            return f"`{column}` BETWEEN {least} AND {most}"
    raise ValueError(f"The bound of {column} has none of the known forms")


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
    bigquery: bigquery.Client
    publisher: PublisherClient

    @classmethod
    def connect(cls, settings: Settings) -> "Cloud":
        """The publisher publishes at once, without the batching and the threads of google.cloud.pubsub_v1.

        Its transport is an instance, because the client replaces one that is named by a gRPC channel when
        PUBSUB_EMULATOR_HOST is set.
        """
        config = bigquery.QueryJobConfig(default_dataset=bigquery.DatasetReference(settings.project, settings.dataset))
        return cls(
            settings,
            bigquery.Client(settings.project, location=settings.location, default_query_job_config=config),
            PublisherClient(transport=PublisherRestTransport(host=settings.pubsub_host)),
        )


def publish_plays_loaded(cloud: Cloud, run_id: str, slot: datetime, rows_new: int, committed_at: datetime) -> None:
    """New plays are in the warehouse. `committed_at`: when the MERGE ended; a batch created later has seen them."""
    topic = f"projects/{cloud.settings.project}/topics/{cloud.settings.plays_loaded_topic}"
    plays_loaded = {
        "run_id": run_id,
        "slot": slot.astimezone(UTC).isoformat(),
        "rows_new": rows_new,
        "committed_at": committed_at.astimezone(UTC).isoformat(),
    }
    message = PubsubMessage(data=json.dumps(plays_loaded).encode())
    cloud.publisher.publish(topic=topic, messages=[message], retry=_RETRY, timeout=_CALL_SECONDS)
