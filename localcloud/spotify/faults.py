"""Faults of the invented Spotify: which call gets an error, a delay or a damaged page instead, and how often."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from localcloud.faults import Misbehaviour
from localcloud.spotify.errors import ENDPOINTS, ERRORS, HTML, JSON, Refusal
from localcloud.web import Response

Work = Callable[[datetime], Response]
"""What a call does when all goes well, as of an instant."""


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
        if self.endpoint is not None and self.endpoint not in ENDPOINTS:
            raise ValueError(f"Unknown endpoint {self.endpoint!r}; known: {', '.join(ENDPOINTS)}")
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1, or None for ever")

    def matches(self, endpoint: str, listener: str | None) -> bool:
        if self.listener not in (None, listener):
            return False
        if self.endpoint is not None:
            return endpoint == self.endpoint
        if self.name in _SPOILERS or self.name in ("stale", "page_withheld", "invalid_limit"):
            return endpoint == "recently-played"
        if self.name in ("audio_features_closed", "analysis_not_found"):
            return endpoint == "audio-features"
        service = ERRORS[self.name].service if self.name in ERRORS else "api"
        return ENDPOINTS[endpoint] == service


Misbehave = Callable[[SpotifyFault, Work, datetime], Response]


def _slow(fault: SpotifyFault, work: Work, now: datetime) -> Response:
    time.sleep(fault.seconds)
    return work(now)


def _dropped(fault: SpotifyFault, work: Work, now: datetime) -> Response:
    raise Misbehaviour(fault.name)


def _cut_in_half(fault: SpotifyFault, work: Work, now: datetime) -> Response:
    whole = work(now)
    return replace(whole, body=whole.body[: len(whole.body) // 2])


def _saying(body: str, content_type: str = JSON) -> Misbehave:
    return lambda fault, work, now: Response(200, body.encode(), {"Content-Type": content_type})


def _spoiling(change: Callable[[dict[str, Any]], Any]) -> Misbehave:
    """Changes the newest item of the page, as Spotify itself never promised not to."""

    def misbehave(fault: SpotifyFault, work: Work, now: datetime) -> Response:
        whole = work(now)
        page = json.loads(whole.body)
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


def _withheld(fault: SpotifyFault, work: Work, now: datetime) -> Response:
    """The newest play alone, of a page that has more."""
    whole = work(now)
    page = json.loads(whole.body)
    return replace(whole, body=json.dumps(page | {"items": page["items"][:1]}, ensure_ascii=False).encode())


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
    "no_content": lambda fault, work, now: Response(204),
    "json_of_another_shape": _saying("[]"),
    "stale": lambda fault, work, now: work(now - timedelta(seconds=fault.seconds)),
    "page_withheld": _withheld,
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

    def carry_out(self, endpoint: str, listener: str | None, work: Work, now: datetime) -> Response:
        """Do the work, or the fault that is ordered instead. A Refusal by the work is an answer like any other."""
        fault = self._take(endpoint, listener)
        try:
            if fault is None:
                return work(now)
            if fault.name in ERRORS:
                return ERRORS[fault.name].response(fault.retry_after_seconds)
            return MISBEHAVIOURS[fault.name](fault, work, now)
        except Refusal as refusal:
            return refusal.response

    def _take(self, endpoint: str, listener: str | None) -> SpotifyFault | None:
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
