"""The invented api.spotify.com and api.reccobeats.com: who is asking, what was played, audio features."""

import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from localcloud.clock import Clock
from localcloud.listeners.lives import WINDOW, Life
from localcloud.listeners.music import Catalogue, Track
from localcloud.spotify import answers
from localcloud.spotify.consents import AccessToken, Consents
from localcloud.spotify.errors import Refusal
from localcloud.spotify.faults import Orders
from localcloud.web import Request, Response, Routes

_MOST_FEATURES, _MOST_RECCOBEATS = 100, 40
_DEFAULT_LIMIT = 20
_PAGES_KEPT = 20_000
# Gone for development-mode apps since February 2026.
_REMOVED = (
    "/v1/(tracks|albums|artists|episodes|shows|audiobooks|chapters|markets)",
    "/v1/artists/[^/]+/top-tracks",
    "/v1/browse/.+",
    "/v1/users/[^/]+(/playlists)?",
    "/v1/playlists/[^/]+/tracks",
)

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
    orders: Orders
    extended: bool
    """Whether the app has the extended quota mode that only old apps have."""
    audio_features_open: bool
    pages: dict[str, deque[Page]] = field(default_factory=dict)
    """What each listener's client was shown: who wants to prove that nothing was lost starts from here."""

    def routes(self) -> Routes:
        routes = Routes()
        self._add(routes, "/v1/me", "me", self._me)
        self._add(routes, "/v1/me/player/recently-played", "recently-played", self._recently_played)
        self._add(routes, "/v1/audio-features", "audio-features", self._audio_features)
        self._add(routes, "/v1/audio-features/(?P<track_id>[^/]+)", "audio-features", self._one_audio_features)
        if not self.extended:
            for pattern in _REMOVED:
                self._add(routes, pattern, "removed", _forbidden)
        routes.add("GET", "/reccobeats/v1/audio-features", self._reccobeats)
        return routes

    def _add(self, routes: Routes, pattern: str, endpoint: str, handler: ApiHandler) -> None:
        """Adds a route whose caller needs an access token."""

        def handle(request: Request) -> Response:
            authorization = request.headers.get("Authorization")
            listener = self.consents.holder((authorization or "").removeprefix("Bearer "))
            return self.orders.carry_out(
                endpoint, listener, lambda now: handler(request, self._caller(authorization), now), self.clock.now()
            )

        routes.add("GET", pattern, handle)

    def _caller(self, authorization: str | None) -> AccessToken:
        if authorization is None:
            raise Refusal("access_token_missing")
        if not authorization.startswith("Bearer "):
            raise Refusal("not_bearer")
        return self.consents.access(authorization.removeprefix("Bearer "))

    def _me(self, request: Request, caller: AccessToken, now: datetime) -> Response:
        return answers.as_json(answers.me(self._life(caller).listener))

    def _recently_played(self, request: Request, caller: AccessToken, now: datetime) -> Response:
        life = self._life(caller)
        if "user-read-recently-played" not in caller.scope.split():
            raise Refusal("insufficient_scope")
        limit, after, before = _limit(request), _cursor(request, "after"), _cursor(request, "before")
        if after is not None and before is not None:
            raise Refusal("both_cursors")
        plays = [
            play
            for play in life.newest(now, WINDOW)
            if (after is None or answers.to_ms(play.played_at) > after)
            and (before is None or answers.to_ms(play.played_at) < before)
        ]
        page = Page(now, tuple(play.played_at for play in plays[:limit]))
        self.pages.setdefault(life.listener.slug, deque(maxlen=_PAGES_KEPT)).append(page)
        url = f"http://{request.headers.get('Host')}{request.path}"
        asked = {name: str(value) for name, value in (("after", after), ("before", before)) if value is not None}
        return answers.as_json(answers.recently_played(url, plays[:limit], limit, asked, extended=self.extended))

    def _life(self, caller: AccessToken) -> Life:
        """The caller's own. An app's own token has none, nor has one of a listener who is no longer invented."""
        if caller.listener is None:
            raise Refusal("insufficient_scope")
        if caller.listener not in self.lives:
            raise Refusal("access_token_invalid")
        return self.lives[caller.listener]

    def _audio_features(self, request: Request, caller: AccessToken, now: datetime) -> Response:
        self._check_audio_features()
        ids = (request.arg("ids") or "").split(",")
        if not all(ids):
            raise Refusal("invalid_id")
        if len(ids) > _MOST_FEATURES:
            raise Refusal("too_many_ids")
        tracks = (self.catalogue.tracks.get(track_id) for track_id in ids)
        return answers.as_json({"audio_features": [track and answers.audio_features(track) for track in tracks]})

    def _one_audio_features(self, request: Request, caller: AccessToken, now: datetime) -> Response:
        self._check_audio_features()
        track = self.catalogue.tracks.get(request.params["track_id"])
        features = answers.audio_features(track) if track else None
        if features is None:
            raise Refusal("analysis_not_found")
        return answers.as_json(features)

    def _check_audio_features(self) -> None:
        if not self.audio_features_open:
            raise Refusal("audio_features_closed")

    def _reccobeats(self, request: Request) -> Response:
        return self.orders.carry_out("reccobeats", None, lambda now: self._from_reccobeats(request), self.clock.now())

    def _from_reccobeats(self, request: Request) -> Response:
        """Ids may be separated by commas or repeated. What is over the limit is dropped without a word."""
        wanted = [id_ for value in request.query.get("ids", []) for id_ in value.split(",") if id_]
        if not wanted:
            raise Refusal("reccobeats_missing_parameter")
        found = {track.id: track for id_ in wanted[:_MOST_RECCOBEATS] for track in self._tracks_named(id_)}
        return answers.as_json(answers.reccobeats(found.values()))

    def _tracks_named(self, id_: str) -> list[Track]:
        """By Spotify's id, ReccoBeats' own, or ISRC, which may name several."""
        if id_ in self.catalogue.tracks:
            return [self.catalogue.tracks[id_]]
        return [track for track in self.catalogue.tracks.values() if id_ in (track.reccobeats_id, track.isrc)]


def _forbidden(request: Request, caller: AccessToken, now: datetime) -> Response:
    raise Refusal("forbidden")


def _limit(request: Request) -> int:
    limit = _whole_number(request.arg("limit", str(_DEFAULT_LIMIT)))
    if limit is None or not 1 <= limit <= WINDOW:
        raise Refusal("invalid_limit")
    return limit


def _cursor(request: Request, name: str) -> int | None:
    text = request.arg(name)
    cursor = _whole_number(text)
    if text is not None and cursor is None:
        raise Refusal("invalid_cursor")
    return cursor


def _whole_number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch("[0-9]{1,18}", text) else None
