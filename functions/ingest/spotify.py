"""Calls Spotify as the app: tokens from accounts.spotify.com, recently played and audio features from api.spotify.com.

Every call raises a Failure that says what its answer means (failures.py draws the tree). Tests and the laptop cloud
put their own server behind the two URLs; nothing else is replaced.
"""

import json
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from failures import (
    AccessTokenRefused,
    ClientRefused,
    Failure,
    NeedsConsent,
    NotAllowListed,
    PremiumLapsed,
    RequestRefused,
    SpotifyUnavailable,
    UnreadableAnswer,
)
from http_client import Call, HttpClient, Refusal, Session, is_token, list_in

NEWEST_SHOWN = 50
"""Spotify shows a listener's 50 newest plays and nothing older."""


@dataclass(frozen=True)
class App:
    """The Spotify app that listeners have given their consent to."""

    client_id: str
    client_secret: str = field(repr=False)

    def authorization(self) -> str:
        return "Basic " + b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()


@dataclass(frozen=True)
class Grant:
    """`refresh_token` is None as long as the one that was used stays good."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)


class Spotify:
    """Spotify during one run, for all threads. When it asks for a pause, all of them wait."""

    def __init__(self, session: Session, accounts_url: str, api_url: str, app: App) -> None:
        self._http, self._accounts_url, self._api_url, self._app = HttpClient(session), accounts_url, api_url, app
        self._refreshing: dict[str, Lock] = {}

    def refresh(self, refresh_token: str) -> Grant:
        """A new access token, and a new refresh token when Spotify rotates it.

        One token is never refreshed twice at once, should two secrets hold it: Spotify refuses one of the two then.
        """
        with self._refreshing.setdefault(refresh_token, Lock()):
            return self._request_token(grant_type="refresh_token", refresh_token=refresh_token)

    def fetch_client_token(self) -> str:
        """An access token of the app itself, which reads no listener's data."""
        return self._request_token(grant_type="client_credentials").access_token

    def fetch_recently_played(self, access_token: str) -> list[Any]:
        """The newest plays, at most 50. Never with a cursor: plays arrive late and out of order."""
        url = f"{self._api_url}/v1/me/player/recently-played"
        return self._request_list(access_token, url, {"limit": str(NEWEST_SHOWN)}, "items", api_refusal)

    def fetch_audio_features(self, access_token: str, track_ids: Sequence[str]) -> list[Any]:
        """At most 100 ids. A track that Spotify does not know is null in the list."""
        url = f"{self._api_url}/v1/audio-features"
        return self._request_list(access_token, url, {"ids": ",".join(track_ids)}, "audio_features", features_refusal)

    def _request_token(self, **form: str) -> Grant:
        headers = {"Authorization": self._app.authorization()}
        call = Call("POST", f"{self._accounts_url}/api/token", headers, form=form)
        return self._http.fetch(call, _to_grant, token_refusal)

    def _request_list(
        self, access_token: str, url: str, params: dict[str, str], list_name: str, refusal: Refusal
    ) -> list[Any]:
        call = Call("GET", url, {"Authorization": f"Bearer {access_token}"}, params)
        return self._http.fetch(call, lambda body: list_in(body, list_name), refusal)


def _to_grant(body: Any) -> Grant:
    access_token = body.get("access_token") if isinstance(body, dict) else None
    if not is_token(access_token):
        raise UnreadableAnswer("it lacks access_token")
    refresh_token = body.get("refresh_token")
    return Grant(access_token, refresh_token if is_token(refresh_token) else None)


def token_refusal(status: int, text: str) -> Failure:
    """What a 4xx of the token endpoint means. Descriptions change: only the sentences known from the API count."""
    if known := _known_refusal(text):
        return known
    error = _json_object(text).get("error")
    if error == "invalid_grant":
        return NeedsConsent("consent was revoked")
    if error == "invalid_client":
        return ClientRefused(error)
    return RequestRefused(f"status {status}{_message(text)}")


def api_refusal(status: int, text: str) -> Failure:
    """What a 4xx of the Web API means."""
    if known := _known_refusal(text):
        return known
    what = f"status {status}{_message(text)}"
    # Good calls are refused so, and answered a second later (thlucas1/homeassistantcomponent_spotifyplus#237).
    if re.search("access token missing|premium.required", text.lower()):
        return SpotifyUnavailable(what)
    return AccessTokenRefused() if status == 401 else RequestRefused(what)


def features_refusal(status: int, text: str) -> Failure:
    """403, with or without words, is how Spotify keeps audio features from apps newer than November 2024."""
    if status == 403:
        return RequestRefused("closed for this app, set AUDIO_FEATURES_SOURCE to off or reccobeats")
    return api_refusal(status, text)


def _known_refusal(text: str) -> Failure | None:
    """A refusal that comes as JSON or plain text, in wordings that have changed before: read is what they share.

    "User not approved for app" (spotipy-dev/spotipy#688), "User not registered in the Developer Dashboard"
    (zmb3/spotify#232), "the user may not be registered" (sigma67/spotify_to_ytmusic#122), "The user is not registered
    for this application" (Diegovsky/riff#157).
    """
    lowered = text.lower()
    if "premium subscription required" in lowered:
        return PremiumLapsed()
    if re.search(r"\buser\b[^.]*\bnot\b[^.]*\b(registered|approved)\b", lowered):
        return NotAllowListed()
    if "insufficient client scope" in lowered or "permissions missing" in lowered:  # a 403, or a 401 of the player's
        return NeedsConsent("consent does not cover recently played tracks")
    return None


def _message(text: str) -> str:
    """Spotify's own words, as far as they are safe to repeat: nothing that may be a token or an address."""
    error = _json_object(text).get("error")
    words = error.get("message") if isinstance(error, dict) else error
    if not isinstance(words, str):
        return ""
    printable = "".join(letter if letter.isprintable() else " " for letter in words[:1000])
    return ": " + re.sub(r"\S*@\S*|\S{25,}", "…", " ".join(printable.split()))[:120]


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
