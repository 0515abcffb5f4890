"""Cloud Scheduler's calls: what they carry, when they come, when they come again."""

import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
import requests

from localcloud.scheduler import Retry, fire, full_hour
from localcloud.web import ApiError, Request, Response, Routes, Server

SLOT = datetime(2026, 11, 22, 10, tzinfo=UTC)


class Target:
    """A function behind HTTP; answers with the statuses it was given, then with 200."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.calls: list[dict[str, str]] = []
        self.called = threading.Semaphore(0)
        routes = Routes()
        routes.add("POST", "/", self._call)
        self.server = Server("ingest", routes).start()

    @property
    def slots(self) -> list[str]:
        return [call["X-CloudScheduler-ScheduleTime"] for call in self.calls]

    def _call(self, request: Request) -> Response:
        self.calls.append(dict(request.headers.items()))
        self.called.release()
        if self.statuses:
            raise ApiError(self.statuses.pop(0), "ordered", "ordered")
        return Response.of_json({"state": "succeeded"})


@pytest.fixture
def target() -> Iterator[Target]:
    target = Target()
    yield target
    target.server.stop()


def test_a_firing_carries_the_slot_and_the_headers_of_cloud_scheduler(target: Target) -> None:
    answer = fire(target.server.url, SLOT)

    assert (answer.status_code, answer.json()) == (200, {"state": "succeeded"})
    (call,) = target.calls
    assert {name: value for name, value in call.items() if "CloudScheduler" in name or name == "User-Agent"} == {
        "User-Agent": "Google-Cloud-Scheduler",
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": "ingest-hourly",
        "X-CloudScheduler-ScheduleTime": "2026-11-22T10:00:00Z",
    }
    scheme, token = call["Authorization"].split(" ")
    header, claims = (json.loads(_decoded(part)) for part in token.split(".")[:2])
    assert (scheme, header["alg"], claims["aud"]) == ("Bearer", "RS256", target.server.url)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_slot_in_another_zone_is_sent_in_utc(target: Target) -> None:
    fire(target.server.url, datetime(2026, 11, 22, 15, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))))
    assert target.slots == ["2026-11-22T10:00:00Z"]


@pytest.mark.parametrize(
    ("statuses", "count", "last", "calls"), [([503, 500], 3, 200, 3), ([503] * 9, 3, 503, 4), ([503], 0, 503, 1)]
)
def test_a_refused_firing_is_repeated_for_the_same_slot(
    target: Target, statuses: list[int], count: int, last: int, calls: int
) -> None:
    target.statuses = statuses
    answer = fire(target.server.url, SLOT, Retry(count, min_backoff_seconds=0.001))
    assert (answer.status_code, target.slots) == (last, ["2026-11-22T10:00:00Z"] * calls)


def test_a_target_that_is_not_there_is_an_error_at_the_end() -> None:
    with pytest.raises(requests.ConnectionError):
        fire("http://127.0.0.1:9", SLOT, Retry(2, min_backoff_seconds=0.001))


def test_the_slot_of_an_instant_is_its_full_hour() -> None:
    assert full_hour(datetime(2026, 11, 22, 10, 59, 59, 999_999, tzinfo=UTC)) == SLOT
    assert full_hour(SLOT) == SLOT
