"""An invented Spotify that answers wrongly, late or not at all where a test orders it."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import parse_qs

from localcloud.clock import Clock
from localcloud.faults import Misbehaviour
from localcloud.listeners.lives import Play
from localcloud.listeners.music import Track
from localcloud.spotify import answers, errors
from localcloud.spotify.accounts import SCOPE
from localcloud.spotify.errors import JSON, api_error, reccobeats_error, token_error
from localcloud.spotify.server import Spotify
from localcloud.web import Request, Response, Routes

ENDPOINTS = {
    "/api/token": "token",
    "/v1/me": "me",
    "/v1/me/player/recently-played": "recently-played",
    "/v1/audio-features": "audio-features",
    "/reccobeats/v1/audio-features": "reccobeats",
}
_TEXT, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"
_MOST_FEATURES = 100


def _nginx(status: int, title: str) -> Response:
    body = f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>"
    page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n{body}\r\n</body>\r\n</html>\r\n"
    return Response.of_text(page, status, HTML)


_NOT_REGISTERED_2025 = "Check settings on developer.spotify.com/dashboard, the user may not be registered."
_NOT_REGISTERED_2026 = (
    "The user is not registered for this application. "
    "Please check your settings on https://developer.spotify.com/dashboard."
)
ERRORS: Mapping[str, Response] = {
    **errors.ERRORS,
    "token_503_html": _nginx(503, "503 Service Temporarily Unavailable"),
    "refresh_token_missing": token_error("invalid_request", "refresh_token must be supplied"),
    "code_missing": token_error("invalid_request", "code must be supplied"),
    "grant_type_missing": token_error("unsupported_grant_type", "grant_type parameter is missing"),
    "invalid_id": api_error(400, "invalid id"),
    "too_many_ids": api_error(400, "Too many ids requested"),  # wording not known
    "not_registered_old": Response.of_text("User not registered in the Developer Dashboard", 403, _TEXT),
    # Whether the wordings of 2025 and 2026 come as JSON or as text is not known, hence both.
    "not_registered_2025": api_error(403, _NOT_REGISTERED_2025),
    "not_registered_2025_text": Response.of_text(_NOT_REGISTERED_2025, 403, _TEXT),
    "not_registered_2026": api_error(403, _NOT_REGISTERED_2026),
    "not_registered_2026_text": Response.of_text(_NOT_REGISTERED_2026, 403, _TEXT),
    "premium_lapsed": Response.of_text(
        "Active premium subscription required for the owner of the app. When the subscription status changes, it can "
        "take a few hours before requests are allowed again.",
        403,
        _TEXT,
    ),
    "access_token_not_seen": api_error(401, "Access token missing"),
    "premium_required": api_error(403, "Premium required", reason="PREMIUM_REQUIRED"),
    "forbidden": api_error(403, "Forbidden"),
    "analysis_not_found": api_error(404, "analysis not found"),
    "rate_limited": api_error(429, "API rate limit exceeded"),
    "rate_limited_text": Response.of_text("Too many requests", 429, _TEXT),
    "quota_exceeded": api_error(429, "Too many requests", reason="QUOTA_EXCEEDED"),
    "server_error": api_error(500, "Server error."),  # wording not known
    "bad_gateway": api_error(502, "Bad gateway."),
    "redirect_to_no_url": Response(302, b"Found", {"Location": "http://["}),
    "gateway_timeout_html": _nginx(504, "504 Gateway Time-out"),
    "reccobeats_too_many_requests": reccobeats_error(429, 4291, "Too many requests"),
    "reccobeats_server_error": reccobeats_error(500, 5001, "Internal server error"),
}


def service_of(error: str) -> str:
    """Which of the three answers with it: accounts, api or reccobeats."""
    if error.startswith("reccobeats_"):
        return "reccobeats"
    return "accounts" if error == "token_503_html" or b'"error_description"' in ERRORS[error].body else "api"


def told_to_wait(error: Response, seconds: int | str | None) -> Response:
    """With a Retry-After, unless it is None; a text is sent as it is."""
    return error if seconds is None else replace(error, headers=error.headers | {"Retry-After": str(seconds)})


@dataclass(frozen=True)
class SpotifyFault:
    """A name of ERRORS or MISBEHAVIOURS, and for which listener, at which endpoint, how often."""

    name: str
    listener: str | None = None
    """None: all callers."""
    endpoint: str | None = None
    """One of ENDPOINTS. None: wherever this can happen by nature: a spoilt item only on a page of plays."""
    times: int | None = 1
    """None: until cleared."""
    skip: int = 0
    """How many matching calls go well first."""
    retry_after_seconds: int | str | None = None
    """None: the answer comes without the header. A text is sent as it is."""
    seconds: float = 0.0
    """For `slow` (real time) and `stale` (simulated time)."""

    def __post_init__(self) -> None:
        if self.name not in ERRORS and self.name not in MISBEHAVIOURS:
            raise ValueError(f"Unknown error {self.name!r}; known: {', '.join([*ERRORS, *MISBEHAVIOURS])}")
        if self.endpoint is not None and self.endpoint not in ENDPOINTS.values():
            raise ValueError(f"Unknown endpoint {self.endpoint!r}; known: {', '.join(ENDPOINTS.values())}")
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1, or None for ever")

    def matches(self, endpoint: str, listener: str | None) -> bool:
        if self.listener not in (None, listener):
            return False
        if self.endpoint is not None:
            return endpoint == self.endpoint
        if self.name in _SPOILERS or self.name in ("stale", "invalid_limit"):
            return endpoint == "recently-played"
        if self.name in ("audio_features_closed", "analysis_not_found"):
            return endpoint == "audio-features"
        if self.name == "token_without_scope":
            return endpoint == "token"
        service = service_of(self.name) if self.name in ERRORS else "api"
        return {"token": "accounts", "reccobeats": "reccobeats"}.get(endpoint, "api") == service


@dataclass(frozen=True)
class Work:
    """A call, and what is done for it when all goes well."""

    spotify: Spotify
    request: Request
    answer: Callable[[Request], Response]

    def __call__(self) -> Response:
        return self.answer(self.request)


Misbehave = Callable[[SpotifyFault, Work], Response]


def _slow(fault: SpotifyFault, work: Work) -> Response:
    time.sleep(fault.seconds)
    return work()


def _dropped(fault: SpotifyFault, work: Work) -> Response:
    raise Misbehaviour(fault.name)


def _cut_in_half(fault: SpotifyFault, work: Work) -> Response:
    whole = work()
    return replace(whole, body=whole.body[: len(whole.body) // 2])


def _stale(fault: SpotifyFault, work: Work) -> Response:
    """The page of an earlier instant."""
    earlier = Clock()
    earlier.set(work.spotify.clock.now() - timedelta(seconds=fault.seconds))
    return replace(work.spotify.api, clock=earlier).recently_played(work.request)


def _without_scope(fault: SpotifyFault, work: Work) -> Response:
    whole = work()
    body = {name: value for name, value in json.loads(whole.body).items() if name != "scope"}
    return replace(whole, body=json.dumps(body).encode())


def _saying(body: str, content_type: str = JSON) -> Misbehave:
    return lambda fault, work: Response.of_text(body, 200, content_type)


def _spoiling(change: Callable[[dict[str, Any]], Any]) -> Misbehave:
    """Changes the newest item of a page that has plays, as Spotify itself never promised not to."""

    def misbehave(fault: SpotifyFault, work: Work) -> Response:
        page = json.loads((whole := work()).body)
        if page.get("items"):
            change(page["items"][0])
        return replace(whole, body=json.dumps(page, ensure_ascii=False).encode())

    return misbehave


def _make_local_file(item: dict[str, Any]) -> None:
    uri = "spotify:local:Artist:Album:A+File:180"
    item["track"] |= {"id": None, "is_local": True, "href": None, "uri": uri, "external_ids": {}}


def _empty_names(item: dict[str, Any]) -> None:
    """As Spotify sends a track that was taken down."""
    empty: dict[str, Any] = {"id": None, "name": ""}
    item["track"] |= {"name": "", "artists": [empty], "album": empty | {"images": [], "release_date": None}}


_SPOILERS: Mapping[str, Misbehave] = {
    "item_without_track": _spoiling(lambda item: item.update(track=None)),
    "item_local_file": _spoiling(_make_local_file),
    "item_episode": _spoiling(lambda item: item["track"].update(type="episode")),
    "item_without_track_name": _spoiling(lambda item: item["track"].pop("name")),
    "item_without_played_at": _spoiling(lambda item: item.pop("played_at")),
    "item_with_unknown_field": _spoiling(lambda item: item.update(never_seen_before={"deep": [1]})),
    "item_with_emptied_names": _spoiling(_empty_names),
    "item_without_milliseconds": _spoiling(lambda item: item.update(played_at=item["played_at"][:19] + "Z")),
}
MISBEHAVIOURS: Mapping[str, Misbehave] = {
    "slow": _slow,
    "dropped": _dropped,
    "body_cut_in_half": _cut_in_half,
    "not_json": _saying("<html><body>Please try again later.</body></html>", HTML),
    "empty_body": _saying(""),
    "no_content": lambda fault, work: Response(204),
    "json_of_another_shape": _saying("[]"),
    "stale": _stale,
    # https://www.rfc-editor.org/rfc/rfc6749#section-5.1
    "token_without_scope": _without_scope,
    **_SPOILERS,
}


class SpotifyFaults:
    """The faults that are ordered and have not happened yet."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._faults: list[SpotifyFault] = []

    def place(self, fault: SpotifyFault) -> None:
        with self._lock:
            self._faults.append(fault)

    def pending(self) -> Sequence[SpotifyFault]:
        with self._lock:
            return tuple(self._faults)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, endpoint: str, listener: str | None) -> SpotifyFault | None:
        """The first fault due for this call, used up by one."""
        with self._lock:
            for place, fault in enumerate(self._faults):
                if not fault.matches(endpoint, listener):
                    continue
                if fault.skip > 0:
                    self._faults[place] = replace(fault, skip=fault.skip - 1)
                    continue
                if fault.times == 1:
                    del self._faults[place]
                elif fault.times is not None:
                    self._faults[place] = replace(fault, times=fault.times - 1)
                return fault
        return None


class FaultySpotify(Spotify):
    """`routes` carries the faults out."""

    def __init__(self, *args: Any, audio_features_open: bool = False, **more: Any) -> None:
        """With `audio_features_open` the app is an old one, whose calls for audio features are answered."""
        super().__init__(*args, **more)
        self.faults = SpotifyFaults()
        self.given: dict[str, str | None] = {}
        """Every token that was given, good or not, and whose it is. None of them may ever be seen anywhere."""
        self.rotating: set[str] = set()
        """Listeners of whom each refresh gives a new refresh token."""
        self.routes = _FaultyRoutes(self, self.routes, audio_features_open)

    def order(self, name: str, **details: Any) -> None:
        """Order a fault; see `SpotifyFault` for the details. Raises ValueError for unknown words."""
        fault = SpotifyFault(name, **details)
        if fault.listener is not None:
            self._known(fault.listener)
        self.faults.place(fault)

    def consent(self, slug: str, scope: str = SCOPE) -> dict[str, str]:
        payload = super().consent(slug, scope)
        self.given[payload["refresh_token"]] = slug
        return payload

    def newest_token(self, slug: str) -> str | None:
        """The good refresh token that was given last; None when there is none."""
        good = [consent.tokens[-1] for consent in self.consents.all if consent.listener == slug and consent.tokens]
        return good[-1] if good else None

    def truth(self, slug: str, since: datetime, until: datetime) -> list[Play]:
        """What really was, or will be, played from `since` up to, but not including, `until`; the oldest first."""
        return self.lives[slug].between(since, until)

    def window(self, slug: str, at: datetime) -> list[Play]:
        """The newest 50 that Spotify shows at that instant, the newest first: all that any call can get."""
        return self.lives[slug].newest(at)


class _FaultyRoutes(Routes):
    def __init__(self, spotify: FaultySpotify, routes: Routes, audio_features_open: bool) -> None:
        super().__init__()
        self._spotify = spotify
        if audio_features_open:
            self.add("GET", "/v1/audio-features", self._audio_features)
        self.extend(routes)

    def answer(self, request: Request) -> Response:
        endpoint = ENDPOINTS.get(request.path)
        if endpoint is None:
            return super().answer(request)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        secret = _refresh_token(request) if endpoint == "token" else bearer
        fault = self._spotify.faults.take(endpoint, self._spotify.given.get(secret))
        if fault is not None and fault.name in ERRORS:
            return told_to_wait(ERRORS[fault.name], fault.retry_after_seconds)
        work = Work(self._spotify, request, self._token if endpoint == "token" else super().answer)
        return work() if fault is None else MISBEHAVIOURS[fault.name](fault, work)

    def _token(self, request: Request) -> Response:
        listener = self._spotify.given.get(_refresh_token(request))
        if listener in self._spotify.rotating:
            self._spotify.rotate_next(listener)
        response = super().answer(request)
        if "authorization_code" in request.body.decode():
            listener = self._spotify.consents.all[-1].listener
        answered = json.loads(response.body)
        tokens = [answered[name] for name in ("access_token", "refresh_token") if name in answered]
        self._spotify.given |= dict.fromkeys(tokens, listener)
        return response

    def _audio_features(self, request: Request) -> Response:
        ids = (request.arg("ids") or "").split(",")
        if not all(ids):
            return ERRORS["invalid_id"]
        if len(ids) > _MOST_FEATURES:
            return ERRORS["too_many_ids"]
        tracks = (self._spotify.catalogue.tracks.get(track_id) for track_id in ids)
        return answers.as_json({"audio_features": [track and _features_of(track) for track in tracks]})


def _refresh_token(request: Request) -> str:
    return parse_qs(request.body.decode(errors="replace")).get("refresh_token", [""])[0]


def _features_of(track: Track) -> dict[str, Any] | None:
    """None for a track that was never analysed."""
    if track.features is None:
        return None
    return asdict(track.features) | {
        "type": "audio_features",
        "id": track.id,
        "uri": f"spotify:track:{track.id}",
        "track_href": f"https://api.spotify.com/v1/tracks/{track.id}",
        "analysis_url": f"https://api.spotify.com/v1/audio-analysis/{track.id}",
        "duration_ms": track.duration_ms,
    }
