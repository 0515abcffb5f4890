"""Reads the secrets of the listeners and of the app from Secret Manager, stores rotated refresh tokens,
and computes when a consent ends.

A listener is one secret, found by its labels. Its content never shows: not in an error, not in a log, not in a repr.
It holds when consent was given; a refresh token is valid for six months from then, and refreshing does not prolong it
(developer.spotify.com/documentation/web-api/tutorials/refreshing-tokens).
"""

import calendar
import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import google_crc32c
import requests
from google.api_core.exceptions import (
    BadRequest,
    Forbidden,
    NotFound,
    ServerError,
    TooManyRequests,
)
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import TransportError
from google.cloud.secretmanager import SecretManagerServiceClient, SecretVersion

from failures import AppSecretUnusable, Failure, SecretMislabelled, SecretUnavailable, SecretUnusable, TokenNotStored
from http_client import is_token
from ingest_log import NO_ANSWER, log
from spotify import App

APP_SECRET = "spotify-client"  # noqa: S105  # pragma: allowlist secret -- a name
LISTENER_LABELS = {"app": "heavy-rotation", "kind": "refresh-token"}
_LISTENER_FIELDS = ("refresh_token", "consented_at", "account_id", "scope")
# Versions are listed with the newest first; one that is destroyed stays in the list.
MOST_VERSIONS = 100
# What a label's value in Google Cloud may be.
SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_CONSENT_MONTHS = 6
DAYS_TO_WARN_AT = (30, 7, 1, 0)

CALL_SECONDS = 20
# Google's client tries some of these calls only once, and none again after 502, 504 or silence.
_TRANSIENT = if_exception_type(ServerError, TooManyRequests, requests.RequestException, TransportError)
RETRY = Retry(predicate=_TRANSIENT, initial=0.5, timeout=CALL_SECONDS)
# A rotated token exists nowhere else: there is time for two more tries after a silent one. That is 80 s at most for
# each eight listeners whose token rotates, of the 140 s that the arithmetic in ingest_queries.py leaves; reading and
# destroying versions come on top, at most 20 to 40 s a call.
_KEEPING = RETRY.with_timeout(3 * CALL_SECONDS)


@dataclass(frozen=True)
class ListenerSecret:
    """Where a listener's token is. `failure`: why it cannot be used although it is there."""

    listener_id: str
    name: str
    failure: Failure | None = None


@dataclass(frozen=True)
class Listener:
    """`payload` is the secret's whole content, so that a replaced token keeps its neighbours."""

    listener_id: str
    secret_name: str
    version: int
    payload: dict[str, Any] = field(repr=False)
    consent_ends_at: datetime

    @property
    def refresh_token(self) -> str:
        return str(self.payload["refresh_token"])

    def with_token(self, refresh_token: str, version: int) -> "Listener":
        return replace(self, version=version, payload={**self.payload, "refresh_token": refresh_token})


def list_listener_secrets(client: SecretManagerServiceClient, project: str) -> list[ListenerSecret]:
    """All secrets of the project are listed, a dozen or so, and chosen here: a filter of the server that matches
    nothing could not be distinguished from a project without listeners.
    """
    secrets = client.list_secrets({"parent": f"projects/{project}"}, retry=RETRY, timeout=CALL_SECONDS)
    labels = {secret.name: dict(secret.labels) for secret in secrets}
    mine = {name: each for name, each in labels.items() if LISTENER_LABELS.items() <= each.items()}
    return name_listeners({name: each.get("listener", "") for name, each in mine.items()})


def name_listeners(labels: dict[str, str]) -> list[ListenerSecret]:
    """One listener per secret, given each secret's label `listener`; one that is not a slug, or not unique, fails."""
    listeners = {}
    for name, slug in sorted(labels.items()):
        if not SLUG.fullmatch(slug):
            secret_id = f"secrets/{id_of(name)}"  # no listener can be called that
            failure = SecretMislabelled("the label `listener` is missing or is not a lower-case name")
            listeners[secret_id] = ListenerSecret(secret_id, name, failure)
        elif slug in listeners:
            failure = SecretMislabelled(f"several secrets carry the label listener={slug}")
            listeners[slug] = ListenerSecret(slug, name, failure)
        else:
            listeners[slug] = ListenerSecret(slug, name)
    return list(listeners.values())


def read_app(client: SecretManagerServiceClient, project: str) -> App:
    """Raises AppSecretUnusable, SecretUnavailable."""
    try:
        _, content = _read(client, f"projects/{project}/secrets/{APP_SECRET}")
        payload = _parse(APP_SECRET, content, ("client_id", "client_secret"))
        _check_tokens(APP_SECRET, payload, "client_id", "client_secret")
    except SecretUnusable as failure:
        raise AppSecretUnusable(str(failure)) from None
    return App(payload["client_id"], payload["client_secret"])


def read_listener(client: SecretManagerServiceClient, secret: ListenerSecret) -> Listener:
    """Raises SecretMislabelled, SecretUnusable, SecretUnavailable."""
    if secret.failure:
        raise secret.failure
    version, content = _read(client, secret.name)
    payload = _parse(id_of(secret.name), content, _LISTENER_FIELDS)
    _check_tokens(id_of(secret.name), payload, "refresh_token")
    _, ends_at = _consent(secret.name, payload)
    return Listener(secret.listener_id, secret.name, version, payload, ends_at)


def _consent(secret_name: str, payload: dict[str, Any]) -> tuple[datetime, datetime]:
    """When it was given, and when it ends. Raises SecretUnusable."""
    try:
        instant = datetime.fromisoformat(payload["consented_at"])
        consented_at = instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
        return consented_at, end_of_consent(consented_at)
    except (ValueError, OverflowError):
        name = id_of(secret_name)
        raise SecretUnusable(f"the field consented_at of the secret {name} is not an instant") from None


def store_refresh_token(client: SecretManagerServiceClient, listener: Listener, refresh_token: str) -> Listener:
    """Keep the token that Spotify gave in place of the listener's, then destroy what it outlives.

    Raises TokenNotStored. A version that cannot be destroyed costs a few cents: a WARNING entry.
    """
    data = json.dumps({**listener.payload, "refresh_token": refresh_token}).encode()
    try:
        added = add_version(client, listener.secret_name, data)
    except NO_ANSWER as error:
        raise TokenNotStored(type(error).__name__) from None
    try:
        _destroy_older(client, listener, added)
    except (Failure, *NO_ANSWER) as error:
        fields = {"listener": listener.listener_id, "error": type(error).__name__}
        log("WARNING", "An outlived version of a listener's secret could not be destroyed", **fields)
    return listener.with_token(refresh_token, added)


def _destroy_older(client: SecretManagerServiceClient, listener: Listener, added: int) -> None:
    """Destroy what is not newer than the version that was read: anything newer is a fresh consent, or of a run beside.

    A consent that was stored just before the rotated token is not the newest version any more, so it is stored again.
    It has a later instant; what another run has rotated keeps that of its consent, which may be this one or one before.
    """
    secret, outlived = listener.secret_name, listener.version
    try:
        for number in range(added - 1, listener.version, -1):  # the list may not know them yet
            with suppress(NotFound):
                found = read_version(client, secret, str(number))
                if found and _is_later(secret, found[1], listener.payload):
                    add_version(client, secret, found[1])
                    outlived = added
                    break
    except (Failure, *NO_ANSWER) as error:
        command = f"python -m cli authorize {listener.listener_id}"
        fields = {"listener": listener.listener_id, "error": type(error).__name__, "command": command}
        log("ERROR", "A rotated token may have overtaken a fresh consent, which could not be stored again", **fields)
        raise
    request = {"parent": secret, "page_size": MOST_VERSIONS}
    newest = islice(client.list_secret_versions(request, timeout=CALL_SECONDS), MOST_VERSIONS)
    enabled = {number_of(version.name) for version in newest if version.state == SecretVersion.State.ENABLED}
    for number in sorted(enabled.union(range(listener.version, outlived + 1))):
        if number <= outlived:
            destroy_version(client, secret, number, retry=None)


def _is_later(secret_name: str, content: bytes, payload: dict[str, Any]) -> bool:
    other = _parse(id_of(secret_name), content, ("consented_at",))
    return _consent(secret_name, other) > _consent(secret_name, payload)


def add_version(client: SecretManagerServiceClient, secret_name: str, data: bytes) -> int:
    """The new version's number."""
    payload = {"data": data, "data_crc32c": google_crc32c.value(data)}
    request = {"parent": secret_name, "payload": payload}
    return number_of(client.add_secret_version(request, retry=_KEEPING, timeout=CALL_SECONDS).name)


def destroy_version(
    client: SecretManagerServiceClient, secret_name: str, number: int, retry: Retry | None = RETRY
) -> bool:
    """False where it was destroyed before, which the list may not show for hours."""
    try:
        client.destroy_secret_version(name=f"{secret_name}/versions/{number}", timeout=CALL_SECONDS, retry=retry)
    except BadRequest:
        return False
    return True


def _read(client: SecretManagerServiceClient, secret_name: str) -> tuple[int, bytes]:
    """As `read_newest`. Raises SecretUnusable, SecretUnavailable."""
    secret_id = id_of(secret_name)
    unreadable = f"the newest version of the secret {secret_id} cannot be read"
    try:
        if newest := read_newest(client, secret_name):
            return newest
        found = client.list_secret_versions({"parent": secret_name}, retry=RETRY, timeout=CALL_SECONDS)
        raise SecretUnusable(why_not_enabled(secret_name, found) or unreadable)
    except NotFound:
        raise SecretUnusable(f"{unreadable} (NotFound)") from None
    except Forbidden:
        what = f"ingest may not read the secret {secret_id} until `terraform apply` grants it"
        raise SecretUnavailable(what) from None
    except NO_ANSWER as error:
        raise SecretUnavailable(f"the secret {secret_id} could not be fetched ({type(error).__name__})") from None


def read_newest(client: SecretManagerServiceClient, secret_name: str) -> tuple[int, bytes] | None:
    """Number and content of the newest version; None where there is none, or where it is not enabled.

    For minutes, or hours, `latest` and the list may not know a new version, which can be read by its number at once:
    docs.cloud.google.com/secret-manager/docs/reference/consistency. So the numbers after theirs are tried.
    Raises NotFound where there is no such secret, and SecretUnavailable.
    """
    newest = None
    with suppress(NotFound):
        newest = read_version(client, secret_name, "latest")
    if newest:
        start = newest[0] + 1
    else:
        listed = client.list_secret_versions({"parent": secret_name}, retry=RETRY, timeout=CALL_SECONDS)
        start = max((number_of(version.name) for version in listed), default=1)
    for number in range(start, start + MOST_VERSIONS):  # an end also where Google answers everything with a 400
        try:
            newest = read_version(client, secret_name, str(number))
        except NotFound:
            break
    return newest


def read_version(client: SecretManagerServiceClient, secret_name: str, version: str) -> tuple[int, bytes] | None:
    """Number and content; None where it is disabled or destroyed. Raises NotFound, SecretUnavailable."""
    name = f"{secret_name}/versions/{version}"
    try:
        response = client.access_secret_version(name=name, retry=RETRY, timeout=CALL_SECONDS)
    except BadRequest:
        return None
    if google_crc32c.value(response.payload.data) != response.payload.data_crc32c:
        raise SecretUnavailable(f"the secret {id_of(secret_name)} arrived with a wrong checksum")
    return number_of(response.name), response.payload.data


def why_not_enabled(secret_name: str, versions: Iterable[SecretVersion]) -> str | None:
    """Of a newest version that is disabled or destroyed its number and state, and the newest enabled one beside it.

    That one is not read in its place: whether it still is the listener's consent only its owner can say. None where
    the newest is enabled.
    """
    secret = f"the secret {id_of(secret_name)}"
    states = {number_of(version.name): version.state for version in versions}
    if not states:
        return f"{secret} has no version"
    newest, enabled = max(states), [number for number in states if states[number] == SecretVersion.State.ENABLED]
    if newest in enabled:
        return None
    older = f"version {max(enabled)} is enabled" if enabled else "no version is enabled"
    return f"version {newest} of {secret}, the newest, is {states[newest].name.lower()}, {older}"


def _parse(secret_id: str, content: bytes, fields: Sequence[str]) -> dict[str, Any]:
    try:
        payload = json.loads(content)
    except (ValueError, RecursionError):
        raise SecretUnusable(f"the secret {secret_id} is not JSON") from None
    if not isinstance(payload, dict):
        raise SecretUnusable(f"the secret {secret_id} is not a JSON object")
    for name in fields:
        if not isinstance(payload.get(name), str) or not payload[name]:
            raise SecretUnusable(f"the secret {secret_id} lacks the field {name}")
    return payload


def _check_tokens(secret_id: str, payload: dict[str, Any], *fields: str) -> None:
    """A line end that was pasted with a token is the commonest of what cannot be sent."""
    for name in fields:
        if not is_token(payload[name]):
            raise SecretUnusable(f"the field {name} of the secret {secret_id} holds a character that no token has")


def end_of_consent(consented_at: datetime) -> datetime:
    """Six calendar months later: the same day of the month, or the month's last where there is no such day."""
    years, month_index = divmod(consented_at.month - 1 + _CONSENT_MONTHS, 12)
    year, month = consented_at.year + years, month_index + 1
    last_day = calendar.monthrange(year, month)[1]
    return consented_at.replace(year=year, month=month, day=min(consented_at.day, last_day))


def days_left(consent_ends_at: datetime, now: datetime) -> int:
    """Whole days; negative once consent has ended."""
    return (consent_ends_at - now).days


def id_of(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def number_of(version_name: str) -> int:
    return int(id_of(version_name))
