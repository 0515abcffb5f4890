"""One visit per listener and run: read the secret, refresh the token, keep a rotated one, fetch the page.

Listeners are visited side by side and fail alone.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from google.cloud.secretmanager import SecretManagerServiceClient

from failures import AccessTokenRefused, Failure, NeedsConsent, TokenNotStored
from ingest_log import log
from listeners import Listener, ListenerSecret, read_listener, store_refresh_token
from spotify import Spotify

_AT_ONCE = 8


@dataclass(frozen=True)
class Visit:
    """What came of it. `items` is None when there is no page; a failure can stand beside a page (TokenNotStored)."""

    listener_id: str
    items: Sequence[Any] | None = None
    failure: Failure | None = None
    consent_ends_at: datetime | None = None


def visit_all(
    client: SecretManagerServiceClient, spotify: Spotify, secrets: Sequence[ListenerSecret], now: datetime
) -> list[Visit]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(partial(visit, client, spotify, now), secrets))


def visit(client: SecretManagerServiceClient, spotify: Spotify, now: datetime, secret: ListenerSecret) -> Visit:
    try:
        listener = read_listener(client, secret)
    except Failure as failure:
        return Visit(secret.listener_id, failure=failure)
    try:
        items, not_stored = _fetch_page(client, spotify, listener)
    except NeedsConsent as failure:
        return Visit(listener.listener_id, None, _dated(failure, listener, now), listener.consent_ends_at)
    except Failure as failure:
        return Visit(listener.listener_id, None, failure, listener.consent_ends_at)
    return Visit(listener.listener_id, items, not_stored, listener.consent_ends_at)


def _fetch_page(
    client: SecretManagerServiceClient, spotify: Spotify, listener: Listener
) -> tuple[list[Any], TokenNotStored | None]:
    """The page, and why a rotated token could not be kept, if so. A refused access token is replaced once."""
    not_stored = None
    for is_last_attempt in (False, True):
        grant = spotify.refresh(listener.refresh_token)
        if grant.refresh_token and grant.refresh_token != listener.refresh_token:
            listener, not_stored = _keep(client, listener, grant.refresh_token)
        try:
            return spotify.fetch_recently_played(grant.access_token), not_stored
        except AccessTokenRefused:
            if is_last_attempt:
                raise
    raise AssertionError("unreachable")


def _keep(
    client: SecretManagerServiceClient, listener: Listener, refresh_token: str
) -> tuple[Listener, TokenNotStored | None]:
    """The listener with the new token. When it cannot be stored, it still serves for the rest of this run."""
    try:
        return store_refresh_token(client, listener, refresh_token), None
    except TokenNotStored as failure:
        fields = {"listener": listener.listener_id, "error": str(failure)}
        log("ERROR", "A rotated refresh token could not be stored", **fields)
        return listener.with_token(refresh_token, listener.version), failure


def _dated(failure: NeedsConsent, listener: Listener, now: datetime) -> NeedsConsent:
    """Six months after consent, the end of consent is the reason, and a date says more than "revoked"."""
    if now < listener.consent_ends_at:
        return failure
    return NeedsConsent(f"consent ended on {listener.consent_ends_at:%Y-%m-%d}")
