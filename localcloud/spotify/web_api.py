"""The invented api.spotify.com and api.reccobeats.com: the token's listener, recent plays, audio features."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from localcloud.clock import Clock
from localcloud.listeners.lives import WINDOW, Life
from localcloud.listeners.music import Catalogue
from localcloud.spotify import answers
from localcloud.spotify.accounts import SCOPE
from localcloud.spotify.consents import AccessToken, Consents
from localcloud.spotify.errors import Refusal
from localcloud.web import ApiError, Request, Response, Routes

_MOST_RECCOBEATS = 40
_DEFAULT_LIMIT = 20
_PAGES_KEPT = 20_000


@dataclass(frozen=True)
class Page:
    """One answer of recently-played that went out well."""

    at: datetime
    played_at: tuple[datetime, ...]


@dataclass(frozen=True)
class Api:
    clock: Clock
    lives: Mapping[str, Life]
    catalogue: Catalogue
    consents: Consents
    pages: dict[str, deque[Page]] = field(default_factory=dict)
    """What each listener's client was shown: the base of every proof that no play was lost."""

    def routes(self) -> Routes:
        routes = Routes()
        routes.add("GET", "/v1/me", self.me)
        routes.add("GET", "/v1/me/player/recently-played", self.recently_played)
        routes.add("GET", "/v1/audio-features", self.audio_features)
        routes.add("GET", "/reccobeats/v1/audio-features", self.from_reccobeats)
        return routes

    def _caller(self, request: Request) -> AccessToken:
        authorization = request.headers.get("Authorization")
        if authorization is None:
            raise Refusal("access_token_missing")
        if not authorization.startswith("Bearer "):
            raise Refusal("not_bearer")
        return self.consents.access(authorization.removeprefix("Bearer "))

    def me(self, request: Request) -> Response:
        return answers.as_json(answers.me(self._life(self._caller(request)).listener))

    def recently_played(self, request: Request) -> Response:
        caller, now = self._caller(request), self.clock.now()
        life = self._life(caller)
        if SCOPE not in caller.scope.split():
            raise Refusal("insufficient_scope")
        for unknown in request.query.keys() - {"limit"}:
            raise ApiError(501, "notImplemented", f"The invented Spotify does not imitate the parameter {unknown}")
        limit = request.arg("limit", str(_DEFAULT_LIMIT)) or ""
        if not re.fullmatch("[0-9]{1,2}", limit) or not 1 <= int(limit) <= WINDOW:
            raise Refusal("invalid_limit")
        plays = life.newest(now, int(limit))
        page = Page(now, tuple(play.played_at for play in plays))
        self.pages.setdefault(life.listener.slug, deque(maxlen=_PAGES_KEPT)).append(page)
        url = f"http://{request.headers.get('Host')}{request.path}"
        return answers.as_json(answers.recently_played(url, plays, int(limit)))

    def _life(self, caller: AccessToken) -> Life:
        """The caller's own. An app's own token has none, nor has one of a listener who is no longer invented."""
        if caller.listener is None:
            raise Refusal("insufficient_scope")
        if caller.listener not in self.lives:
            raise Refusal("access_token_invalid")
        return self.lives[caller.listener]

    def audio_features(self, request: Request) -> Response:
        """Closed to new apps."""
        self._caller(request)
        raise Refusal("audio_features_closed")

    def from_reccobeats(self, request: Request) -> Response:
        """Spotify's ids, separated by commas. What is over the limit is dropped without a word."""
        wanted = [id_ for id_ in (request.arg("ids") or "").split(",") if id_]
        if not wanted:
            raise Refusal("reccobeats_missing_parameter")
        known = self.catalogue.tracks
        found = [known[id_] for id_ in dict.fromkeys(wanted[:_MOST_RECCOBEATS]) if id_ in known]
        return answers.as_json(answers.reccobeats(found))
