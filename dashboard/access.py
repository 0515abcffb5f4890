"""Who is looking, and whose listening they may see. Decided here, on the server, for every run of a page.

Behind Identity-Aware Proxy the signed header is verified; with OpenID Connect Streamlit has verified the address; on
the laptop nobody is asked. An address that the owner did not list sees nothing, not even names.

    AccessError
    ├── NotSignedIn   nobody has said who they are
    └── NotAllowed    somebody did, and the owner did not list them
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any

import requests
from google.auth import exceptions, jwt

from dashboard_settings import EVERYONE, Settings

IAP_HEADER = "X-Goog-Iap-Jwt-Assertion"
IAP_ISSUER = "https://cloud.google.com/iap"
IAP_KEYS = "https://www.gstatic.com/iap/verify/public_key"
_KEYS_LIVE_SECONDS = 3600
_KEYS_AGAIN_SECONDS = 60
_TIMEOUT_SECONDS = 10
_CLOCK_SKEW_SECONDS = 30

FetchKeys = Callable[[str], Mapping[str, str]]
"""From the id of a key that is wanted to all public keys."""


class AccessError(Exception):
    """The viewer gets to see nothing."""


class NotSignedIn(AccessError):  # noqa: N818 -- reads as what happened
    """Nobody has signed in yet."""


class NotAllowed(AccessError):  # noqa: N818
    """The viewer is not on the owner's list, or cannot prove who they are."""


class IapKeys:
    """Google's public keys, fetched once an hour, and sooner when a key is wanted that is not among them."""

    def __init__(self) -> None:
        self._keys: Mapping[str, str] = {}
        self._fetched = -math.inf

    def __call__(self, key_id: str) -> Mapping[str, str]:
        age = time.monotonic() - self._fetched
        if age >= (_KEYS_LIVE_SECONDS if key_id in self._keys else _KEYS_AGAIN_SECONDS):
            answer = requests.get(IAP_KEYS, timeout=_TIMEOUT_SECONDS)
            answer.raise_for_status()
            self._keys, self._fetched = answer.json(), time.monotonic()
        return self._keys


_google_keys = IapKeys()


def entry_of_viewer(
    settings: Settings,
    headers: Mapping[str, str],
    oidc_email: str | None,
    remembered: MutableMapping[str, str] | None = None,
    fetch_keys: FetchKeys = _google_keys,
) -> tuple[str, ...]:
    """What the owner's list says of whoever is looking. `remembered` is the session's own memory of what was verified.

    It needs nothing of the warehouse: what the warehouse says, even that it is empty or down, is not for strangers.
    A signed header lives ten minutes, the connection that brought it up to an hour, so a header is verified once.
    """
    if settings.access == "laptop":
        return (EVERYONE,)
    email = _email(settings, headers, oidc_email, {} if remembered is None else remembered, fetch_keys)
    listed = settings.viewers.get(email.strip().lower())
    if not listed:
        raise NotAllowed("This address may not see anybody's listening.")
    return listed


def allowed_listeners(settings: Settings, entry: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """The listeners that an entry of the owner's list lets its viewer see, by name."""
    allowed = set(entry)
    return tuple(
        sorted(set(known) if EVERYONE in allowed else allowed, key=lambda slug: settings.name_of(slug).casefold())
    )


def _email(
    settings: Settings,
    headers: Mapping[str, str],
    oidc_email: str | None,
    remembered: MutableMapping[str, str],
    fetch_keys: FetchKeys,
) -> str:
    if settings.access == "oidc":
        if not oidc_email:
            raise NotSignedIn("Sign in to see your listening.")
        return oidc_email
    assertion = {name.lower(): value for name, value in headers.items()}.get(IAP_HEADER.lower())
    if not assertion:
        raise NotAllowed("This page is only served through Identity-Aware Proxy.")
    fingerprint = hashlib.sha256(assertion.encode()).hexdigest()
    if fingerprint not in remembered:
        remembered[fingerprint] = iap_email(assertion, settings.iap_audience, fetch_keys)
    return remembered[fingerprint]


def iap_email(assertion: str, audience: str, fetch_keys: FetchKeys) -> str:
    """The address in a header that Identity-Aware Proxy signed for this service; anything else is refused."""
    try:
        keys = fetch_keys(str(jwt.decode_header(assertion).get("kid")))
        claims: Mapping[str, Any] = jwt.decode(
            assertion, certs=keys, audience=audience, clock_skew_in_seconds=_CLOCK_SKEW_SECONDS
        )
    except (exceptions.GoogleAuthError, requests.RequestException, ValueError) as error:
        raise NotAllowed("Who you are could not be verified.") from error
    if claims.get("iss") != IAP_ISSUER or not claims.get("email"):
        raise NotAllowed("Who you are could not be verified.")
    return str(claims["email"])
