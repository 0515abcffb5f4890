"""Authenticates the viewer and decides which listeners they may see, on the server, for every run of a page.

Behind Identity-Aware Proxy the signed header is verified; with OpenID Connect Streamlit has verified the address; on
the laptop only a browser of the same computer is let in. An address that the owner did not list sees nothing, not even
names.

    AccessError
    ├── NotSignedIn     the viewer has not said who they are
    ├── NotVerified     the viewer did, and it could not be verified
    ├── NotConfigured   the settings do not fit how viewers come here: nothing that a viewer could do
    └── NotAllowed      the viewer is known, and the owner did not list them
"""

import hashlib
import logging
import math
import re
import threading
import time
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import requests
from google.auth import exceptions, jwt

from settings import EVERYONE, Settings

IAP_HEADER = "X-Goog-Iap-Jwt-Assertion"
IAP_ISSUER = "https://cloud.google.com/iap"
IAP_KEYS = "https://www.gstatic.com/iap/verify/public_key"
_KEYS_LIVE_SECONDS = 3600
_KEYS_GRACE_SECONDS = 24 * 3600
"""As long a known key serves while Google's key server is away."""
_KEYS_AGAIN_SECONDS = 60
_TRIES = 3
_TIMEOUT_SECONDS = 3
_PAUSE_SECONDS = 0.3
_CLOCK_SKEW_SECONDS = 30
_THIS_COMPUTER = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
_THIS_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)

_log = logging.getLogger(__name__)


class AccessError(Exception):
    """The viewer gets to see nothing. The text is for the page."""


class NotSignedIn(AccessError):
    """The viewer has not signed in yet."""


class NotVerified(AccessError):
    """The identity could not be verified, now or at all."""


class NotConfigured(AccessError):
    """Viewers do not come the way that the settings say."""


class NotAllowed(AccessError):
    """The viewer is not on the owner's list."""


class IapKeys:
    """Google's public keys, fetched again after an hour, and sooner when a key is wanted that is not among them.

    A known key serves for a day while Google's key server is away, and no viewer waits for its refresh. A key that is
    not known is fetched by one thread for all, and not again within a minute, whether that worked or not.
    """

    def __init__(self) -> None:
        self._keys: Mapping[str, str] = {}
        self._fetched = self._tried = -math.inf
        self._has_failed = False
        self._lock = threading.Lock()

    def __call__(self, key_id: str) -> Mapping[str, str]:
        """All keys; raises NotVerified when this one may be missing only because they could not be fetched."""
        age = time.monotonic() - self._fetched
        if key_id in self._keys and age < _KEYS_GRACE_SECONDS:
            if age >= _KEYS_LIVE_SECONDS and self._is_due() and not self._lock.locked():
                threading.Thread(target=self._refresh, name="keys of Identity-Aware Proxy", daemon=True).start()
            return self._keys
        self._refresh()
        if self._has_failed:
            raise NotVerified("Google's keys for it could not be fetched. Try again in a minute.")
        return self._keys

    def _is_due(self) -> bool:
        return time.monotonic() - self._tried >= _KEYS_AGAIN_SECONDS

    def _refresh(self) -> None:
        with self._lock:
            if not self._is_due():
                return
            try:
                self._keys, self._fetched, self._has_failed = _fetched_keys(), time.monotonic(), False
            except (requests.RequestException, ValueError) as error:
                self._has_failed = True
                _log.warning("Google's keys could not be fetched: %s", type(error).__name__)
            self._tried = time.monotonic()


def _fetched_keys() -> Mapping[str, str]:
    for tries_left in reversed(range(_TRIES)):
        try:
            answer = requests.get(IAP_KEYS, timeout=_TIMEOUT_SECONDS)
            answer.raise_for_status()
            keys = answer.json()
            break
        except (requests.RequestException, ValueError):
            if not tries_left:
                raise
            time.sleep(_PAUSE_SECONDS)
    if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
        raise ValueError("Google's keys have another shape")
    return keys


_google_keys = IapKeys()


def entry_of_viewer(
    settings: Settings,
    headers: Mapping[str, str],
    oidc_email: str | None,
    remembered: MutableMapping[str, str],
    peer: str | None,
) -> tuple[str, ...]:
    """What the owner's list says of who is looking. `remembered` is the session's own memory of what was verified,
    `peer` the address that the connection came from; None is this computer, as Streamlit has it.

    It needs nothing of the warehouse: what the warehouse says, even that it is empty or down, is not for strangers.
    A signed header is valid ten minutes, the connection that brought it up to an hour, so a header is verified once.
    """
    if settings.access == "laptop":
        _refuse_other_computers(headers, peer)
        return (EVERYONE,)
    email = _email(settings, headers, oidc_email, remembered)
    # Lower-casing makes a k of U+212A, the Kelvin sign: another address.
    listed = settings.viewers.get(email.strip().lower()) if email.isascii() else None
    if not listed:
        raise NotAllowed("Your address is not on the list of viewers.")
    return listed


def _refuse_other_computers(headers: Mapping[str, str], peer: str | None) -> None:
    """The laptop has no sign-in, so it refuses other computers, and pages of other sites in its browser, even under a
    name that points to 127.0.0.1.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    host, origin = lowered.get("host", "localhost"), lowered.get("origin")
    is_own_page = _THIS_HOST.fullmatch(host) and (origin is None or origin.partition("://")[2] == host)
    # Streamlit's AppTest has something else than a text there.
    if not is_own_page or (isinstance(peer, str) and peer not in _THIS_COMPUTER):
        raise NotConfigured(
            "`DASHBOARD_ACCESS` is `laptop`, which lets in a browser of the same computer and no other, under "
            "`localhost` or `127.0.0.1`"
        )


def allowed_listeners(settings: Settings, entry: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """The listeners that an entry of the owner's list lets its viewer see, by name."""
    allowed = set(entry)
    return tuple(
        sorted(set(known) if EVERYONE in allowed else allowed, key=lambda slug: settings.name_of(slug).casefold())
    )


def _email(
    settings: Settings, headers: Mapping[str, str], oidc_email: str | None, remembered: MutableMapping[str, str]
) -> str:
    if settings.access == "oidc":
        if not oidc_email:
            raise NotSignedIn("Sign in to see your listening.")
        return oidc_email
    assertion = {name.lower(): value for name, value in headers.items()}.get(IAP_HEADER.lower())
    if not assertion:
        raise NotConfigured(
            "no header of Identity-Aware Proxy came with the request. Turn Identity-Aware Proxy on for this service, "
            "or set `DASHBOARD_ACCESS` to another way to sign in"
        )
    fingerprint = hashlib.sha256(assertion.encode()).hexdigest()
    if fingerprint not in remembered:
        remembered[fingerprint] = _iap_email(assertion, settings.iap_audience)
    return remembered[fingerprint]


def _iap_email(assertion: str, audience: str) -> str:
    """The address in a header that Identity-Aware Proxy signed for this service; anything else is refused."""
    unverified = NotVerified(
        "Identity-Aware Proxy's header is not validly signed, or has expired. Load the page again."
    )
    try:
        keys = _google_keys(str(jwt.decode_header(assertion).get("kid")))
        claims: Mapping[str, Any] = jwt.decode(assertion, certs=keys, clock_skew_in_seconds=_CLOCK_SKEW_SECONDS)
    except (exceptions.GoogleAuthError, TypeError, ValueError) as error:
        raise unverified from error
    if claims.get("iss") != IAP_ISSUER or not claims.get("email"):
        raise unverified
    if claims.get("aud") != audience:
        _log.error(
            "Identity-Aware Proxy signs for the audience %r and DASHBOARD_IAP_AUDIENCE is %r: set it to what comes, if "
            "that is this service or the load balancer in front of it.",
            str(claims.get("aud"))[:200],
            audience,
        )
        raise NotConfigured(
            "`DASHBOARD_IAP_AUDIENCE` is not the audience for which Identity-Aware Proxy signs; the log has both"
        )
    return str(claims["email"])
