"""The app's client id and secret: the stored ones, or asked for once. The secret is never part of a command line."""

import getpass
import os
import sys
from collections.abc import Mapping

from cli.commands.authorize.spotify import App
from cli.console import ask, say
from cli.errors import CliError
from cli.secret_store import SecretStore

_DASHBOARD = "https://developer.spotify.com/dashboard"


def stored_app(store: SecretStore) -> App | None:
    payload = store.read(store.app_home()) or {}
    client_id, client_secret = payload.get("client_id"), payload.get("client_secret")
    if isinstance(client_id, str) and client_id and isinstance(client_secret, str) and client_secret:
        return App(client_id, client_secret)
    return None


def ask_for_app(redirect_uri: str, environ: Mapping[str, str] = os.environ) -> App:
    """From SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET where they are set, else a line of input each."""
    say(f"The app's client id and secret stand on {_DASHBOARD}. Its redirect URIs must contain {redirect_uri}")
    client_id = environ.get("SPOTIFY_CLIENT_ID") or ask("Client id: ").strip()
    client_secret = environ.get("SPOTIFY_CLIENT_SECRET") or _secret_line("Client secret (is not shown): ")
    if not client_id or not client_secret:
        raise CliError(
            "Both the client id and the client secret are needed. Set SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET, "
            "or type them when asked. Nothing was stored."
        )
    return App(client_id, client_secret)


def keep_app(store: SecretStore, app: App) -> None:
    payload = {"client_id": app.client_id, "client_secret": app.client_secret}
    store.replace(store.app_home(), payload, {"app": "heavy-rotation"})


def _secret_line(prompt: str) -> str:
    """Without an echo at a terminal; from a pipe as any other line."""
    return getpass.getpass(prompt, sys.stderr).strip() if sys.stdin.isatty() else ask(prompt).strip()
