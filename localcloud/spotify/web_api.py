"""The invented api.spotify.com and api.reccobeats.com: the token's listener, recent plays, audio features."""

import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from localcloud.clock import Clock
from localcloud.listeners.lives import WINDOW, Life
from localcloud.listeners.music import Catalogue
from localcloud.spotify import answers
from localcloud.spotify.consents import AccessToken, Consents
from localcloud.spotify.errors import Refusal
from localcloud.spotify.faults import SpotifyFaults
from localcloud.web import ApiError, Request, Response, Routes

_MOST_FEATURES, _MOST_RECCOBEATS = 100, 40
_DEFAULT_LIMIT = 20
_PAGES_KEPT = 20_000

ApiHandler = Callable[[Request, AccessToken, datetime], Response]


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
    faults: SpotifyFaults
    extended: bool
    """Whether the app has the extended quota mode that only old apps have."""
    audio_features_open: bool
    pages: dict[str, deque[Page]] = field(default_factory=dict)
    """What each listener's client was shown: the base of every proof that no play was lost."""

    def routes(self) -> Routes:
        routes = Routes()

        def add(path: str, endpoint: str, handler: ApiHandler) -> None:
            """A route whose caller needs an access token."""

            def handle(request: Request) -> Response:
                authorization = request.headers.get("Authorization")
                listener = self.consents.holder((authorization or "").removeprefix("Bearer "))
                work = lambda now: handler(request, self._caller(authorization), now)  # noqa: E731 -- one expression
                return self.faults.carry_out(endpoint, listener, work, self.clock.now())

            routes.add("GET", path, handle)

        add("/v1/me", "me", lambda request, caller, now: answers.as_json(answers.me(self._life(caller).listener)))
        add("/v1/me/player/recently-played", "recently-played", self.recently_played)
        add("/v1/audio-features", "audio-features", self.audio_features)
        routes.add(
            "GET",
            "/reccobeats/v1/audio-features",
            lambda request: self.faults.carry_out(
                "reccobeats", None, lambda now: self.from_reccobeats(request), self.clock.now()
            ),
        )
        return routes

    def _caller(self, authorization: str | None) -> AccessToken:
        if authorization is None:
            raise Refusal("access_token_missing")
        if not authorization.startswith("Bearer "):
            raise Refusal("not_bearer")
        return self.consents.access(authorization.removeprefix("Bearer "))

    def recently_played(self, request: Request, caller: AccessToken, now: datetime) -> Response:
        life = self._life(caller)
        if "user-read-recently-played" not in caller.scope.split():
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
        return answers.as_json(answers.recently_played(url, plays, int(limit), extended=self.extended))

    def _life(self, caller: AccessToken) -> Life:
        """The caller's own. An app's own token has none, nor has one of a listener who is no longer invented."""
        if caller.listener is None:
            raise Refusal("insufficient_scope")
        if caller.listener not in self.lives:
            raise Refusal("access_token_invalid")
        return self.lives[caller.listener]

    def audio_features(self, request: Request, caller: AccessToken, now: datetime) -> Response:
        if not self.audio_features_open:
            raise Refusal("audio_features_closed")
        ids = (request.arg("ids") or "").split(",")
        if not all(ids):
            raise Refusal("invalid_id")
        if len(ids) > _MOST_FEATURES:
            raise Refusal("too_many_ids")
        tracks = (self.catalogue.tracks.get(track_id) for track_id in ids)
        return answers.as_json({"audio_features": [track and answers.audio_features(track) for track in tracks]})

    def from_reccobeats(self, request: Request) -> Response:
        """Spotify's ids, separated by commas. What is over the limit is dropped without a word."""
        wanted = [id_ for id_ in (request.arg("ids") or "").split(",") if id_]
        if not wanted:
            raise Refusal("reccobeats_missing_parameter")
        known = self.catalogue.tracks
        found = [known[id_] for id_ in dict.fromkeys(wanted[:_MOST_RECCOBEATS]) if id_ in known]
        return answers.as_json(answers.reccobeats(found))
