"""The owner's app at Spotify, and the two calls that make a consent: the code for tokens, and whose account it is.

The app's secret is never part of a command line.
"""

import getpass
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from cli.consent import SCOPE
from cli.console import CliError, ask, pause, say
from cli.place import Place
from cli.secret_store import SecretStore

_TIMEOUT_SECONDS = 30
_AGAIN = "Nothing was stored. Run the command again in a few minutes."

_DASHBOARD = "https://developer.spotify.com/dashboard"


@dataclass(frozen=True)
class App:
    """The owner's app, as Spotify's developer dashboard shows it."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class Tokens:
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    scope: str


@dataclass(frozen=True)
class Account:
    """`ids`: every id that Spotify gives for it; `account_id` is the one to keep."""

    account_id: str
    ids: frozenset[str]
    display_name: str


@dataclass(frozen=True)
class _Answer:
    status: int
    text: str = field(repr=False)
    retry_after: str | None

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that it is; empty when it is none."""
        try:
            value = json.loads(self.text)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


def redeem(place: Place, app: App, code: str, redirect_uri: str) -> Tokens:
    """Tokens for a code. A code is good once, for about ten minutes."""
    answer = _ask(
        "POST",
        f"{place.spotify_accounts_url}/api/token",
        auth=(app.client_id, app.client_secret),
        data={"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri},
    )
    if answer.status != 200:
        raise CliError(_token_problem(answer, redirect_uri))
    return _to_tokens(answer)


def fetch_account(place: Place, access_token: str) -> Account:
    """Whose account it is; also the proof that Spotify answers this listener at all."""
    headers = {"Authorization": f"Bearer {access_token}"}
    answer = _ask("GET", f"{place.spotify_api_url}/v1/me", headers=headers)
    if answer.status != 200:
        raise CliError(f"Spotify did not say whose account it is (status {answer.status}). {_AGAIN}")
    ids = [value for name in ("account_id", "id") if isinstance(value := answer.body.get(name), str) and value]
    if not ids:
        raise CliError(f"Spotify did not say whose account it is. {_AGAIN}")
    return Account(ids[0], frozenset(ids), str(answer.body.get("display_name") or "an account without a name"))


def _ask(method: str, url: str, **details: Any) -> _Answer:
    try:
        response = requests.request(method, url, timeout=_TIMEOUT_SECONDS, allow_redirects=False, **details)
    except requests.RequestException as error:
        raise CliError(f"Spotify cannot be reached ({type(error).__name__}). {_AGAIN}") from None
    answer = _Answer(response.status_code, response.text, response.headers.get("Retry-After"))
    if answer.status == 429:
        raise CliError(f"Spotify asks for a pause{pause(answer.retry_after)}. Nothing was stored. Run it again then.")
    if 400 <= answer.status < 500 and (known := _known_problem(answer)):
        raise CliError(known)
    if answer.status >= 500 or (answer.status < 400 and not answer.body):
        nothing = "" if answer.text.strip() else ", without a body"
        raise CliError(f"Spotify is not available at the moment (status {answer.status}{nothing}). {_AGAIN}")
    return answer


def _to_tokens(answer: _Answer) -> Tokens:
    values = [answer.body.get(name) for name in ("access_token", "refresh_token")]
    if not all(isinstance(value, str) and value for value in values):
        raise CliError(f"Spotify's answer holds no tokens. {_AGAIN}")
    scope = str(answer.body.get("scope") or "")
    if SCOPE not in scope.split():
        raise CliError(f"The consent does not cover {SCOPE}. Nothing was stored. Run the command again.")
    return Tokens(str(values[0]), str(values[1]), scope)


def _token_problem(answer: _Answer, redirect_uri: str) -> str:
    """Only `error` counts; descriptions change."""
    error = answer.body.get("error")
    if error == "invalid_client":
        return (
            "Spotify refused the app's client id or secret. Nothing was stored. Copy both from "
            f"{_DASHBOARD} and run the command again with --new-client."
        )
    if error == "invalid_grant":
        return (
            "Spotify refused the code: it is older than ten minutes, was used before, or "
            f"{redirect_uri} is not what it was made for. Nothing was stored. Run the command again."
        )
    return f"Spotify refused the code (status {answer.status}). Nothing was stored. Run the command again."


def _known_problem(answer: _Answer) -> str | None:
    """A refusal by either server that comes as JSON or plain text, in wordings that have changed before."""
    text = answer.text.lower()
    if "premium subscription required" in text:
        return (
            "The app's owner has no active Spotify Premium. Renew it, wait some hours, and run the command again. "
            "Nothing was stored."
        )
    if re.search(r"\buser\b[^.]*\bnot\b[^.]*\bregistered\b", text):
        return (
            "This account is not a user of the app. Add it under User Management on "
            f"{_DASHBOARD} and run the command again. Nothing was stored."
        )
    return None


def stored_app(store: SecretStore) -> App | None:
    payload = store.read(store.app_home()) or {}
    client_id, client_secret = payload.get("client_id"), payload.get("client_secret")
    if isinstance(client_id, str) and client_id and isinstance(client_secret, str) and client_secret:
        return App(client_id, client_secret)
    return None


def ask_for_app(redirect_uri: str, environ: Mapping[str, str] = os.environ) -> App:
    """From SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET where they are set, else a line of input each."""
    say(f"The app's client id and secret stand on {_DASHBOARD}. Its redirect URIs must contain {redirect_uri}")
    prompt = "Client secret (is not shown): "
    client_id = environ.get("SPOTIFY_CLIENT_ID") or ask("Client id: ").strip()
    client_secret = environ.get("SPOTIFY_CLIENT_SECRET") or (
        getpass.getpass(prompt, sys.stderr).strip() if sys.stdin.isatty() else ask(prompt).strip()
    )
    if not client_id or not client_secret:
        raise CliError(
            "Both the client id and the client secret are needed. Set SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET, "
            "or type them when asked. Nothing was stored."
        )
    return App(client_id, client_secret)


def keep_app(store: SecretStore, app: App) -> None:
    payload = {"client_id": app.client_id, "client_secret": app.client_secret}
    store.replace(store.app_home(), payload, {"app": "heavy-rotation"})
