"""Collects from each listener: read the secret, refresh the token, keep a rotated one, fetch the page and parse it.

Listeners are polled side by side and fail alone. A page is parsed at once, because Spotify's answer for 50 plays takes
many times the memory of their rows.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from google.cloud.secretmanager import SecretManagerServiceClient

from failures import AccessTokenRefused, Failure, NeedsConsent, TokenNotStored
from ingest_log import log
from listener_secrets import Listener, ListenerSecret, read_listener, store_refresh_token
from plays import RefusedItem, Row, parse_page
from slots import Run
from spotify import Spotify

_AT_ONCE = 8


@dataclass(frozen=True)
class Collected:
    """What one listener's page holds: how many items, those that are plays, and those that are not.

    `items` is None when there was no page. A failure can stand beside a page (TokenNotStored).
    """

    listener_id: str
    items: int | None = None
    rows: Sequence[Row] = ()
    refused: Sequence[RefusedItem] = ()
    failure: Failure | None = None
    consent_ends_at: datetime | None = None


class _Refreshed(NamedTuple):
    access_token: str
    listener: Listener
    not_stored: TokenNotStored | None = None


def collect_all(
    client: SecretManagerServiceClient, spotify: Spotify, secrets: Sequence[ListenerSecret], run: Run
) -> list[Collected]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda secret: collect(client, spotify, secret, run), secrets))


def collect(client: SecretManagerServiceClient, spotify: Spotify, secret: ListenerSecret, run: Run) -> Collected:
    try:
        listener = read_listener(client, secret)
    except Failure as failure:
        return Collected(secret.listener_id, failure=failure)
    listener_id, ends_at = listener.listener_id, listener.consent_ends_at
    try:
        items, not_stored = _fetch_page(client, spotify, listener)
    except NeedsConsent as failure:
        # Six months after consent, its end is the reason, and a date says more than "revoked".
        ended = NeedsConsent(f"consent ended on {ends_at:%Y-%m-%d}") if run.started_at >= ends_at else failure
        return Collected(listener_id, failure=ended, consent_ends_at=ends_at)
    except Failure as failure:
        return Collected(listener_id, failure=failure, consent_ends_at=ends_at)
    rows, refused = parse_page(items, listener_id, run)
    return Collected(listener_id, len(items), rows, refused, not_stored, ends_at)


def _fetch_page(
    client: SecretManagerServiceClient, spotify: Spotify, listener: Listener
) -> tuple[list[Any], TokenNotStored | None]:
    """The page, and why a rotated token could not be kept, if so. A refused access token is replaced once."""
    first = _refresh(client, spotify, listener)
    try:
        return spotify.fetch_recently_played(first.access_token), first.not_stored
    except AccessTokenRefused:
        second = _refresh(client, spotify, first.listener)
        return spotify.fetch_recently_played(second.access_token), second.not_stored or first.not_stored


def _refresh(client: SecretManagerServiceClient, spotify: Spotify, listener: Listener) -> _Refreshed:
    """A rotated token that cannot be stored still serves for the rest of this run."""
    grant = spotify.refresh(listener.refresh_token)
    if grant.refresh_token is None or grant.refresh_token == listener.refresh_token:
        return _Refreshed(grant.access_token, listener)
    try:
        return _Refreshed(grant.access_token, store_refresh_token(client, listener, grant.refresh_token))
    except TokenNotStored as failure:
        fields = {"listener": listener.listener_id, "error": str(failure)}
        log("ERROR", "A rotated refresh token could not be stored", **fields)
        return _Refreshed(grant.access_token, listener.with_token(grant.refresh_token, listener.version), failure)
