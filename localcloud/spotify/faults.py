"""Orders to misbehave: which call gets an error, a delay or a spoilt page instead of what is true, and how often."""

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
class Order:
    """One thing that is to go wrong: a name of ERRORS or MISBEHAVIOURS, and for whom, where, how often."""

    name: str
    listener: str | None = None
    """None: whoever calls."""
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

    def wants(self, endpoint: str, listener: str | None) -> bool:
        if self.listener is not None and self.listener != listener:
            return False
        return endpoint in (_natural_endpoints(self.name) if self.endpoint is None else {self.endpoint})


Misbehave = Callable[[Order, Work, datetime], Response]


def _slow(order: Order, work: Work, now: datetime) -> Response:
    time.sleep(order.seconds)
    return work(now)


def _dropped(order: Order, work: Work, now: datetime) -> Response:
    raise Misbehaviour(order.name)


def _cut_in_half(order: Order, work: Work, now: datetime) -> Response:
    whole = work(now)
    return replace(whole, body=whole.body[: len(whole.body) // 2])


def _saying(body: str, content_type: str = JSON) -> Misbehave:
    return lambda order, work, now: Response(200, body.encode(), {"Content-Type": content_type})


def _spoiling(change: Callable[[dict[str, Any]], Any]) -> Misbehave:
    """Changes the newest item of the page, as Spotify itself never promised not to."""

    def misbehave(order: Order, work: Work, now: datetime) -> Response:
        whole = work(now)
        page = json.loads(whole.body)
        if page.get("items"):
            change(page["items"][0])
        return replace(whole, body=json.dumps(page, ensure_ascii=False).encode())

    return misbehave


def _make_local_file(item: dict[str, Any]) -> None:
    uri = "spotify:local:Somebody:Something:A+File:180"
    item["track"] |= {"id": None, "is_local": True, "href": None, "uri": uri, "external_ids": {}}


def _empty_names(item: dict[str, Any]) -> None:
    """What Spotify says of a track that was taken down."""
    nobody: dict[str, Any] = {"id": None, "name": ""}
    item["track"] |= {"name": "", "artists": [nobody], "album": nobody | {"images": [], "release_date": None}}


def _withheld(order: Order, work: Work, now: datetime) -> Response:
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
    "no_content": lambda order, work, now: Response(204),
    "json_of_another_shape": _saying("[]"),
    "stale": lambda order, work, now: work(now - timedelta(seconds=order.seconds)),
    "page_withheld": _withheld,
    **_SPOILERS,
}


def _natural_endpoints(name: str) -> set[str]:
    """Where something goes wrong unless the order says otherwise."""
    if name in _SPOILERS or name in ("stale", "page_withheld", "invalid_limit"):
        return {"recently-played"}
    if name in ("audio_features_closed", "analysis_not_found"):
        return {"audio-features"}
    service = ERRORS[name].service if name in ERRORS else "api"
    return {endpoint for endpoint in ENDPOINTS if ENDPOINTS[endpoint] == service}


class Orders:
    """What has been ordered to go wrong and has not happened yet."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._orders: list[Order] = []

    def place(self, order: Order) -> None:
        with self._lock:
            self._orders.append(order)

    def pending(self) -> Sequence[Order]:
        with self._lock:
            return tuple(self._orders)

    def clear(self) -> None:
        with self._lock:
            self._orders.clear()

    def carry_out(self, endpoint: str, listener: str | None, work: Work, now: datetime) -> Response:
        """Do the work, or what was ordered to happen to it. A Refusal by the work is an answer like any other."""
        order = self._take(endpoint, listener)
        try:
            if order is None:
                return work(now)
            if order.name in ERRORS:
                return ERRORS[order.name].response(order.retry_after_seconds)
            return MISBEHAVIOURS[order.name](order, work, now)
        except Refusal as refusal:
            return refusal.response

    def _take(self, endpoint: str, listener: str | None) -> Order | None:
        """The first order due for this call, used up by one."""
        with self._lock:
            for place, order in enumerate(self._orders):
                if not order.wants(endpoint, listener):
                    continue
                if order.skip > 0:
                    self._orders[place] = replace(order, skip=order.skip - 1)
                    continue
                self._use_up(place, order)
                return order
        return None

    def _use_up(self, place: int, order: Order) -> None:
        if order.times == 1:
            del self._orders[place]
        elif order.times is not None:
            self._orders[place] = replace(order, times=order.times - 1)
