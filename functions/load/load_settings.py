"""The settings of load: a mapping in, checked values out. Read on first use, never at import."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bounds import Conditions, parse_bounds
from load_errors import SettingsError

_BUCKET = r"[a-z0-9][a-z0-9._-]+"


@dataclass(frozen=True)
class Settings:
    project: str
    location: str
    dataset: str
    staging_dataset: str
    """Its tables expire by themselves: the dataset says when."""
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
    try:
        return parse_bounds(_read(environ, "PLAYS_BOUNDS", r"(?s).+"))
    except ValueError as error:
        raise SettingsError(f"The setting PLAYS_BOUNDS is malformed: {error}") from None


def _read(environ: Mapping[str, str], name: str, form: str, default: str = "") -> str:
    value = environ.get(name) or default
    if not value:
        raise SettingsError(f"The setting {name} is missing")
    if not re.fullmatch(form, value):
        raise SettingsError(f"The setting {name} is malformed: it must match {form}")
    return value
