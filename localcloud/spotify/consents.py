"""State of the invented accounts.spotify.com: consents, codes, refresh and access tokens, and when they expire."""

import calendar
import json
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Any

from localcloud.clock import Clock
from localcloud.spotify.errors import Refusal

CODE_LIFETIME = timedelta(minutes=10)
ACCESS_TOKEN_LIFETIME = timedelta(hours=1)
CONSENT_MONTHS = 6
# Long enough to answer "expired" to a late caller, instead of "invalid".
_EXPIRED_TOKENS_KEPT = timedelta(days=1)


@dataclass
class Consent:
    """A listener's consent. Its refresh tokens all expire with it."""

    listener: str
    scope: str
    consented_at: datetime
    tokens: list[str]
    """The refresh tokens that are good, the oldest first."""
    revoked: list[str]

    @property
    def ends_at(self) -> datetime:
        """The same day six months later, or that month's last day where it is shorter."""
        years, month = divmod(self.consented_at.month - 1 + CONSENT_MONTHS, 12)
        year, month = self.consented_at.year + years, month + 1
        day = min(self.consented_at.day, calendar.monthrange(year, month)[1])
        return self.consented_at.replace(year=year, month=month, day=day)

    def revoke(self, count: int) -> None:
        """The oldest `count` good tokens are good no longer."""
        self.revoked += self.tokens[:count]
        del self.tokens[:count]


@dataclass
class Code:
    listener: str
    scope: str
    redirect_uri: str
    issued_at: datetime


@dataclass
class AccessToken:
    listener: str | None
    """None: a token for the app itself (client credentials)."""
    scope: str
    expires_at: datetime


@dataclass(frozen=True)
class Granted:
    access_token: str
    scope: str
    refresh_token: str | None


class Consents:
    """All of it, kept in a file when there is one, so that tokens outlive a restart."""

    def __init__(self, clock: Clock, path: Path | None) -> None:
        self._clock, self._path = clock, path
        self._lock = RLock()
        self.all: list[Consent] = []
        self._codes: dict[str, Code] = {}
        self._access: dict[str, AccessToken] = {}
        self._rotations: dict[str, bool] = {}
        """Listeners whose next refresh gives a new refresh token, and whether the old one dies at once."""
        if path is not None and path.exists():
            self._load(json.loads(path.read_text()))

    def agree(self, listener: str, scope: str) -> Consent:
        """A listener's consent from now on; earlier ones stay as they are."""
        with self._lock:
            consent = Consent(listener, scope, self._clock.now(), [_new_secret("refresh")], [])
            self.all.append(consent)
            self._save()
            return consent

    def revoke(self, listener: str) -> None:
        """What a listener does in the account's settings. Access tokens stay valid until their hour is over."""
        with self._lock:
            for consent in self.all:
                if consent.listener == listener:
                    consent.revoke(len(consent.tokens))
            self._save()

    def rotate(self, listener: str, *, old_dies_at_once: bool) -> None:
        """The next refresh gives a new refresh token; the old one stays good at most until the new one is used."""
        with self._lock:
            self._rotations[listener] = old_dies_at_once
            self._save()

    def issue_code(self, listener: str, scope: str, redirect_uri: str) -> str:
        with self._lock:
            code = _new_secret("code")
            self._codes[code] = Code(listener, scope, redirect_uri, self._clock.now())
            self._save()
            return code

    def redeem(self, code: str, redirect_uri: str) -> Granted:
        """Tokens for a code, once."""
        with self._lock:
            known = self._codes.get(code)
            if known is None:
                raise Refusal("code_invalid")
            if known.redirect_uri != redirect_uri:
                raise Refusal("redirect_uri_differs")
            del self._codes[code]
            self._save()
            if self._clock.now() >= known.issued_at + CODE_LIFETIME:
                raise Refusal("code_expired")
            consent = self.agree(known.listener, known.scope)
            return self._grant(consent.listener, consent.scope, consent.tokens[0])

    def refresh(self, refresh_token: str) -> Granted:
        with self._lock:
            consent = next((c for c in self.all if refresh_token in c.tokens or refresh_token in c.revoked), None)
            if consent is None:
                raise Refusal("invalid_grant_unknown")
            if refresh_token in consent.revoked:
                raise Refusal("invalid_grant_revoked")
            if self._clock.now() >= consent.ends_at:
                raise Refusal("invalid_grant_expired")
            consent.revoke(consent.tokens.index(refresh_token))
            new_token = None
            if consent.listener in self._rotations:
                if self._rotations.pop(consent.listener):
                    consent.revoke(len(consent.tokens))
                new_token = _new_secret("refresh")
                consent.tokens.append(new_token)
            return self._grant(consent.listener, consent.scope, new_token)

    def grant_app(self) -> Granted:
        with self._lock:
            return self._grant(None, "", None)

    def access(self, access_token: str) -> AccessToken:
        with self._lock:
            token = self._access.get(access_token)
            if token is None:
                raise Refusal("access_token_invalid")
            if self._clock.now() >= token.expires_at:
                raise Refusal("access_token_expired")
            return token

    def _grant(self, listener: str | None, scope: str, refresh_token: str | None) -> Granted:
        now, access_token = self._clock.now(), _new_secret("access")
        self._access = {
            text: token for text, token in self._access.items() if now < token.expires_at + _EXPIRED_TOKENS_KEPT
        }
        self._access[access_token] = AccessToken(listener, scope, now + ACCESS_TOKEN_LIFETIME)
        self._save()
        return Granted(access_token, scope, refresh_token)

    def _save(self) -> None:
        if self._path is None:
            return
        state = {
            "consents": [asdict(consent) for consent in self.all],
            "codes": {text: asdict(code) for text, code in self._codes.items()},
            "access": {text: asdict(token) for text, token in self._access.items()},
            "rotations": self._rotations,
        }
        # Written beside it and renamed, so that a stop at any moment leaves a whole file.
        draft = self._path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(state, default=datetime.isoformat))
        draft.replace(self._path)

    def _load(self, state: dict[str, Any]) -> None:
        self.all = [Consent(**_with_instant(entry, "consented_at")) for entry in state["consents"]]
        self._codes = {text: Code(**_with_instant(entry, "issued_at")) for text, entry in state["codes"].items()}
        self._access = {
            text: AccessToken(**_with_instant(entry, "expires_at")) for text, entry in state["access"].items()
        }
        self._rotations = state["rotations"]


def _new_secret(kind: str) -> str:
    return f"invented-{kind}-{secrets.token_urlsafe(24)}"


def _with_instant(entry: dict[str, Any], name: str) -> dict[str, Any]:
    return entry | {name: datetime.fromisoformat(entry[name])}
