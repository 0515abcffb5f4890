"""Settings of the dashboard from environment variables: warehouse, access, viewers, names and home time zones."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pipeline.schedule import HOURLY, Schedule, to_schedule

ACCESS = ("iap", "oidc", "laptop")
EVERYONE = "*"


class SettingsError(Exception):
    """A setting is missing or cannot be used; the text names the variable."""


@dataclass(frozen=True)
class Settings:
    """Defaults are for the cloud and closed: without a list of viewers the dashboard shows nothing."""

    project: str
    dataset: str = "listening"
    location: str = "US"
    access: str = "iap"
    iap_audience: str = ""
    viewers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """E-mail address in lower case → the listeners its owner may see; ("*",) is all of them."""
    names: Mapping[str, str] = field(default_factory=dict)
    zones: Mapping[str, str] = field(default_factory=dict)
    """The home time zones that the owner set."""
    maximum_bytes_billed: int = 500_000_000
    is_in_cloud: bool = True
    """Whether Cloud Logging has the logs."""
    schedule: Schedule = HOURLY

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        listeners = _json_object(environ, "DASHBOARD_LISTENERS")
        access = environ.get("DASHBOARD_ACCESS", cls.access)
        if access not in ACCESS:
            raise SettingsError(f"DASHBOARD_ACCESS must be one of {', '.join(ACCESS)}")
        if access == "laptop" and environ.get("K_SERVICE"):
            raise SettingsError("DASHBOARD_ACCESS is laptop, which admits every viewer, and this is Cloud Run")
        if access == "iap":
            _required(environ, "DASHBOARD_IAP_AUDIENCE")
        return cls(
            project=_required(environ, "GOOGLE_CLOUD_PROJECT"),
            dataset=environ.get("DATASET", cls.dataset),
            location=environ.get("LOCATION", cls.location),
            access=access,
            iap_audience=environ.get("DASHBOARD_IAP_AUDIENCE", cls.iap_audience),
            viewers=_viewers(_json_object(environ, "DASHBOARD_VIEWERS")),
            names=_of_listeners(listeners, "name"),
            zones=_of_listeners(listeners, "time_zone"),
            maximum_bytes_billed=_whole_number(environ, "MAXIMUM_BYTES_BILLED", cls.maximum_bytes_billed),
            is_in_cloud=not environ.get("BIGQUERY_EMULATOR_HOST"),
            schedule=_schedule(environ),
        )

    def name_of(self, listener_id: str) -> str:
        """What the listener is called on the pages: the slug unless the owner set a name."""
        return self.names.get(listener_id, listener_id)

    def cli(self, what: str) -> str:
        """The command to type, which has an option more on the laptop; `what` is such as `authorize ania`."""
        return f"python -m cli {what}{'' if self.is_in_cloud else ' --laptop'}"


def _required(environ: Mapping[str, str], name: str) -> str:
    if not environ.get(name):
        raise SettingsError(f"{name} is not set")
    return environ[name]


def _json_object(environ: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        value = json.loads(environ.get(name) or "{}")
    except json.JSONDecodeError as error:
        raise SettingsError(f"{name} is not JSON") from error
    if not isinstance(value, dict):
        raise SettingsError(f"{name} is not a JSON object")
    return value


def _viewers(raw: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    viewers = {}
    for email, listeners in raw.items():
        slugs = [listeners] if isinstance(listeners, str) else listeners
        if not isinstance(slugs, list) or not all(isinstance(slug, str) for slug in slugs):
            raise SettingsError("DASHBOARD_VIEWERS must give each address a listener, a list of listeners or *")
        if not email.isascii():
            raise SettingsError(
                "DASHBOARD_VIEWERS names an address with letters outside ASCII, which no viewer signs in with"
            )
        if email.strip().lower() in viewers:
            raise SettingsError("DASHBOARD_VIEWERS names one address twice, in two spellings: keep one of them")
        viewers[email.strip().lower()] = tuple(slugs)
    return viewers


def _of_listeners(listeners: Mapping[str, Any], what: str) -> dict[str, str]:
    if not all(isinstance(about, dict) for about in listeners.values()):
        raise SettingsError('DASHBOARD_LISTENERS must give each listener an object with "name" and "time_zone"')
    return {slug: str(about[what]) for slug, about in listeners.items() if about.get(what)}


def _schedule(environ: Mapping[str, str]) -> Schedule:
    try:
        schedule = to_schedule(environ.get("SCHEDULE") or "0 * * * *")
    except ValueError as error:
        raise SettingsError("SCHEDULE must be `M * * * *` or `M */N * * *` with N = 2, 3, 4 or 6") from error
    text = environ.get("SCHEDULE_SINCE")
    try:
        return replace(schedule, since=datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")) if text else schedule
    except ValueError as error:
        raise SettingsError("SCHEDULE_SINCE is not an instant such as 2026-11-24T12:00:00Z") from error


def _whole_number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, str(default))
    if not text.isdigit():
        raise SettingsError(f"{name} is not a whole number")
    return int(text)
