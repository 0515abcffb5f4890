"""Cloud Scheduler's calls: what they carry, when they come, when they come again."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import accumulate
from pathlib import Path

import pytest
import requests

from localcloud.gcp.credentials import _decoded, write_service_account
from localcloud.gcp.scheduler import HOURLY_WAITS, call, force, full_hour
from localcloud.web import ApiError, Request, Response, Routes, Server

SLOT = datetime(2026, 11, 22, 10, tzinfo=UTC)


class Target:
    """A function behind HTTP; answers with the statuses it was given, then with 200."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.calls: list[dict[str, str]] = []
        routes = Routes()
        routes.add("POST", "/", self._call)
        self.server = Server("ingest", routes).start()

    @property
    def slots(self) -> list[str]:
        return [call["X-CloudScheduler-ScheduleTime"] for call in self.calls]

    def _call(self, request: Request) -> Response:
        self.calls.append(dict(request.headers.items()))
        if self.statuses:
            raise ApiError(self.statuses.pop(0), "ordered", "ordered")
        return Response.of_json({"state": "succeeded"})


@pytest.fixture
def target() -> Iterator[Target]:
    target = Target()
    yield target
    target.server.stop()


def test_a_call_carries_the_slot_and_the_headers_of_cloud_scheduler(target: Target, tmp_path: Path) -> None:
    key_path = tmp_path / "key.json"
    write_service_account(key_path, "http://127.0.0.1:9/token")
    answer = call(target.server.url, SLOT, key_path=key_path)

    assert (answer.status_code, answer.json()) == (200, {"state": "succeeded"})
    (received,) = target.calls
    assert {name: value for name, value in received.items() if "CloudScheduler" in name or name == "User-Agent"} == {
        "User-Agent": "Google-Cloud-Scheduler",
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": "ingest-hourly",
        "X-CloudScheduler-ScheduleTime": "2026-11-22T02:00:00-08:00",
    }
    scheme, token = received["Authorization"].split(" ")
    header, claims = (json.loads(_decoded(part)) for part in token.split(".")[:2])
    assert (scheme, header["alg"], claims["aud"]) == ("Bearer", "RS256", target.server.url)


@pytest.mark.parametrize(
    ("slot", "sent"),
    [
        (datetime(2026, 11, 22, 15, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))), "2026-11-22T02:00:00-08:00"),
        (datetime(2026, 7, 1, 0, 30, tzinfo=UTC), "2026-06-30T17:30:00-07:00"),
        (datetime(2026, 10, 5, 8, 43, 1, 416_739, tzinfo=UTC), "2026-10-05T01:43:01.416739-07:00"),
    ],
)
def test_a_slot_is_sent_in_the_time_of_los_angeles(target: Target, slot: datetime, sent: str) -> None:
    call(target.server.url, slot)
    assert target.slots == [sent]


def test_a_forced_run_carries_the_next_slot_and_the_scheduled_run_after_it_the_same(target: Target) -> None:
    force(target.server.url, SLOT + timedelta(minutes=20))
    call(target.server.url, SLOT + timedelta(hours=1))
    assert target.slots == ["2026-11-22T03:00:00-08:00"] * 2


@pytest.mark.parametrize(
    ("statuses", "retries", "last", "calls"), [([503, 500], 3, 200, 3), ([503] * 9, 3, 503, 4), ([503], 0, 503, 1)]
)
def test_a_refused_call_is_repeated_for_the_same_slot(
    target: Target, statuses: list[int], retries: int, last: int, calls: int
) -> None:
    target.statuses = statuses
    answer = call(target.server.url, SLOT, [0.001] * retries)
    assert (answer.status_code, target.slots) == (last, ["2026-11-22T02:00:00-08:00"] * calls)


def test_the_hourly_schedule_retries_as_terraform_has_it_thirty_times_as_fast() -> None:
    text = (Path(__file__).parents[3] / "terraform/schedule.tf").read_text()
    set_to = {name: int(value) for name, value in re.findall(r'^ +(\w+) += "?(\d+)s?"?$', text, re.MULTILINE)}
    assert set_to == {
        "attempt_deadline": 960,
        "retry_count": 3,
        "min_backoff_duration": 30,
        "max_backoff_duration": 600,
        "max_doublings": 4,
        "max_retry_duration": 2700,
    }
    # Worked out by hand from job.proto: the waits double four times, the longest is 600 s, and retries go on until both
    # limits are used up. When the calls come, in seconds after the slot:
    calls = list(accumulate((wait * 30 for wait in HOURLY_WAITS), initial=0))
    assert calls == [0, 30, 90, 210, 450, 930, 1530, 2130]


def test_a_target_that_is_not_there_is_an_error_at_the_end() -> None:
    with pytest.raises(requests.ConnectionError):
        call("http://127.0.0.1:9", SLOT, [0.001] * 2)


def test_the_slot_of_an_instant_is_its_full_hour() -> None:
    assert full_hour(datetime(2026, 11, 22, 10, 59, 59, 999_999, tzinfo=UTC)) == SLOT
    assert full_hour(SLOT) == SLOT
