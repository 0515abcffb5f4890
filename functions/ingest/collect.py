"""One visit per listener and run: read the secret, refresh the token, keep a rotated one, fetch the page and read it.

Listeners are visited side by side and fail alone. A page is read at once, because what Spotify says of 50 plays takes
many times the memory of their rows.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
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
class Page:
    """What Spotify showed of one listener: how many items, those that are plays, and those that are none."""

    items: int
    rows: Sequence[Row]
    refused: Sequence[RefusedItem]


@dataclass(frozen=True)
class Visit:
    """What came of it. `page` is None when there is none; a failure can stand beside a page (TokenNotStored)."""

    listener_id: str
    page: Page | None = None
    failure: Failure | None = None
    consent_ends_at: datetime | None = None

    @property
    def items(self) -> int:
        """How many items Spotify showed."""
        return self.page.items if self.page else 0


class _Refreshed(NamedTuple):
    access_token: str
    listener: Listener
    not_stored: TokenNotStored | None = None


def visit_all(
    client: SecretManagerServiceClient, spotify: Spotify, secrets: Sequence[ListenerSecret], run: Run
) -> list[Visit]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(partial(visit, client, spotify, run), secrets))


def visit(client: SecretManagerServiceClient, spotify: Spotify, run: Run, secret: ListenerSecret) -> Visit:
    try:
        listener = read_listener(client, secret)
    except Failure as failure:
        return Visit(secret.listener_id, failure=failure)
    try:
        items, not_stored = _fetch_page(client, spotify, listener)
    except NeedsConsent as failure:
        dated = _dated(failure, listener, run.started_at)
        return Visit(listener.listener_id, None, dated, listener.consent_ends_at)
    except Failure as failure:
        return Visit(listener.listener_id, None, failure, listener.consent_ends_at)
    page = Page(len(items), *parse_page(items, listener.listener_id, run))
    return Visit(listener.listener_id, page, not_stored, listener.consent_ends_at)


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


def _dated(failure: NeedsConsent, listener: Listener, now: datetime) -> NeedsConsent:
    """Six months after consent, the end of consent is the reason, and a date says more than "revoked"."""
    if now < listener.consent_ends_at:
        return failure
    return NeedsConsent(f"consent ended on {listener.consent_ends_at:%Y-%m-%d}")
