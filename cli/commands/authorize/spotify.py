"""The owner's app at Spotify, and the two calls that make a consent: the code for tokens, and whose account it is.

The app's secret is never part of a command line.
"""

import getpass
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cli.consent import SCOPE
from cli.console import CliError, ask, duration, say
from cli.place import Place
from cli.secret_store import SecretStore
from failures import (
    ClientRefused,
    Failure,
    NeedsConsent,
    NotAllowListed,
    PremiumLapsed,
    RateLimited,
    SpotifyUnavailable,
    UnreadableAnswer,
)
from http_client import Call, HttpClient, Refusal, Session, is_token
from spotify import App, api_refusal, token_refusal

_DASHBOARD = "https://developer.spotify.com/dashboard"

T = TypeVar("T")


@dataclass(frozen=True)
class Tokens:
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    scope: str


@dataclass(frozen=True)
class Account:
    """`ids`: every id that Spotify gives for it; `account_id` is the one to link by."""

    account_id: str
    ids: frozenset[str]
    display_name: str


def redeem(place: Place, app: App, code: str, redirect_uri: str) -> Tokens:
    """Tokens for a code. A code is good once, for about ten minutes."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    headers = {"Authorization": app.authorization()}
    tokens = _fetch(
        Call("POST", f"{place.spotify_accounts_url}/api/token", headers, form=form), _to_tokens, token_refusal
    )
    if SCOPE not in tokens.scope.split():
        raise CliError(f"The consent does not cover {SCOPE}. Nothing was stored. Run the command again.")
    return tokens


def fetch_account(place: Place, access_token: str) -> Account:
    """Whose account it is; also the proof that Spotify answers this listener at all."""
    call = Call("GET", f"{place.spotify_api_url}/v1/me", {"Authorization": f"Bearer {access_token}"})
    return _fetch(call, _to_account, api_refusal)


def _fetch(call: Call, read: Callable[[Any], T], refusal: Refusal) -> T:
    """As ingest calls it, with the same meanings of refusals. Raises CliError."""
    try:
        return HttpClient(Session()).fetch(call, read, refusal)
    except Failure as failure:
        raise CliError(f"{_problem(failure)} Nothing was stored. Run the command again.") from None


def _to_tokens(body: Any) -> Tokens:
    access_token, refresh_token = (
        body.get(name) if isinstance(body, dict) else None for name in ("access_token", "refresh_token")
    )
    if not (is_token(access_token) and is_token(refresh_token)):
        raise UnreadableAnswer("it holds no tokens")
    # https://www.rfc-editor.org/rfc/rfc6749#section-5.1: it may be left out where it is the one that was requested.
    scope = body.get("scope")
    return Tokens(access_token, refresh_token, SCOPE if scope is None else str(scope))


def _to_account(body: Any) -> Account:
    values = [body.get(name) if isinstance(body, dict) else None for name in ("account_id", "id")]
    ids = [value for value in values if isinstance(value, str) and value]
    if not ids:
        raise UnreadableAnswer("it does not say whose account it is")
    return Account(ids[0], frozenset(ids), str(body.get("display_name") or "an account without a name"))


def _problem(failure: Failure) -> str:
    """What happened and what to do, before the command is run again."""
    match failure:
        case PremiumLapsed():
            return "The app's owner has no active Spotify Premium. Renew it and wait some hours."
        case NotAllowListed():
            return f"This account is not a user of the app. Add it on {_DASHBOARD} under User Management."
        case ClientRefused():
            return (
                f"Spotify refused the app's client id or secret. Copy both from {_DASHBOARD} and give them with "
                "--new-client."
            )
        case NeedsConsent():
            return (
                "Spotify refused the code: it is older than ten minutes, was used before, or was made for another "
                "redirect URI."
            )
        case RateLimited():
            return f"Spotify asks for a pause of {duration(failure.pause_seconds)}. Wait until it is over."
        case SpotifyUnavailable():
            return f"Spotify is not available at the moment ({failure}). Wait a few minutes."
        case UnreadableAnswer():
            return f"Spotify's answer cannot be read ({failure}). Wait a few minutes."
        case _:
            return f"Spotify refused the request ({str(failure) or type(failure).__name__})."


def stored_app(store: SecretStore) -> App | None:
    payload = store.read(store.app_home()) or {}
    client_id, client_secret = payload.get("client_id"), payload.get("client_secret")
    if is_token(client_id) and is_token(client_secret):
        return App(client_id, client_secret)
    return None


def ask_for_app(redirect_uri: str) -> App:
    """From SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET where they are set, else a line of input each."""
    say(f"The app's client id and secret stand on {_DASHBOARD}. Its redirect URIs must contain {redirect_uri}")
    prompt = "Client secret (is not shown): "
    client_id = os.environ.get("SPOTIFY_CLIENT_ID") or ask("Client id: ")
    client_secret = os.environ.get("SPOTIFY_CLIENT_SECRET") or (_ask_unseen if sys.stdin.isatty() else ask)(prompt)
    # What a .env file with quotes or with Windows' line ends leaves around them.
    client_id, client_secret = (value.strip().strip("\"'") for value in (client_id, client_secret))
    if not (is_token(client_id) and is_token(client_secret)):
        raise CliError(
            "Both the client id and the client secret are needed, as Spotify shows them. Set SPOTIFY_CLIENT_ID and "
            "SPOTIFY_CLIENT_SECRET, or type them when asked. Nothing was stored."
        )
    return App(client_id, client_secret)


def _ask_unseen(prompt: str) -> str:
    """A line from the terminal; empty when Ctrl-D ends it."""
    try:
        return getpass.getpass(prompt, sys.stderr)
    except EOFError:
        return ""


def keep_app(store: SecretStore, app: App) -> None:
    payload = {"client_id": app.client_id, "client_secret": app.client_secret}
    store.replace(store.app_home(), payload, {"app": "heavy-rotation"})
