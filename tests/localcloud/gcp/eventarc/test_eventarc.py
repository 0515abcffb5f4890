"""Events as Eventarc delivers them: their form, and that each arrives at least once whatever happens."""

import itertools
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import PreconditionFailed
from google.cloud import storage

from localcloud.clock import Clock
from localcloud.faults import Fault, Faults
from localcloud.gcp.eventarc.cloud_events import FINALIZED, MESSAGE_PUBLISHED, Event
from localcloud.gcp.eventarc.eventarc import Backoff, Events
from localcloud.gcp.state import State
from localcloud.supervisor import until
from localcloud.web import say_nothing

LANDING = "heavy-rotation-laptop-landing"
TOPIC = "projects/heavy-rotation-laptop/topics/plays-loaded"


class Function:
    """Receives events; answers with the statuses it was given, then with 200."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.events: list[tuple[dict[str, str], Any]] = []

    def __call__(self, headers: dict[str, str], body: bytes) -> int:
        self.events.append((headers, json.loads(body)))
        return self._statuses.pop(0) if self._statuses else 200

    @property
    def names(self) -> list[str]:
        return [body["name"] for _, body in self.events]


@pytest.fixture
def cloud(google: Any) -> Any:
    google.storage.create_bucket({"name": LANDING})
    return google


def _subscribed(cloud: Any, *statuses: int) -> Function:
    function = Function(*statuses)
    cloud.events.subscribe(FINALIZED, function, LANDING)
    return function


def _write(cloud: Any, *names: str) -> None:
    for name in names:
        cloud.storage.write(LANDING, name, b"hello")


def test_an_object_event_has_the_headers_and_the_body_that_eventarc_gives_it(cloud: Any) -> None:
    cloud.clock.set(datetime(2026, 11, 22, 10, 0, 3, tzinfo=UTC))
    function = _subscribed(cloud)
    _write(cloud, "plays/ü 1.csv")
    cloud.events.deliver_pending()

    ((headers, body),) = function.events
    generation, second = body["generation"], body["timeCreated"][:19]
    assert second == "2026-11-22T10:00:03"
    assert headers == {
        "Content-Type": "application/json",
        "ce-id": "1",
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.storage.object.v1.finalized",
        "ce-source": "//storage.googleapis.com/projects/_/buckets/heavy-rotation-laptop-landing",
        "ce-subject": "objects/plays/%C3%BC%201.csv",
        "ce-time": body["timeCreated"],
        "ce-bucket": "heavy-rotation-laptop-landing",
    }
    link = "storage/v1/b/heavy-rotation-laptop-landing/o/plays%2F%C3%BC%201.csv"
    media = f"https://storage.googleapis.com/download/{link}?generation={generation}&alt=media"
    assert body == {
        "kind": "storage#object",
        "id": f"heavy-rotation-laptop-landing/plays/ü 1.csv/{generation}",
        "selfLink": f"https://www.googleapis.com/{link}",
        "mediaLink": media,
        "bucket": "heavy-rotation-laptop-landing",
        "name": "plays/ü 1.csv",
        "generation": generation,
        "metageneration": "1",
        "contentType": "application/octet-stream",
        "storageClass": "STANDARD",
        "size": "5",
        "md5Hash": "XUFAKrxLKna5cZ2REBfFkg==",
        "crc32c": "mnG7TA==",
        "etag": body["etag"],
        "timeCreated": body["timeCreated"],
        "updated": body["timeCreated"],
        "timeStorageClassUpdated": body["timeCreated"],
    }


def test_a_message_is_pushed_with_the_headers_and_the_body_that_pub_sub_gives_it(google: Any) -> None:
    function = Function()
    google.events.subscribe(MESSAGE_PUBLISHED, function, "plays-loaded")
    google.pubsub.create_topic(TOPIC)
    (message_id,) = google.pubsub.publish(TOPIC, [{"data": "eyJyb3dzX25ldyI6IDN9"}])
    google.events.deliver_pending()

    ((headers, body),) = function.events
    time_published = body["message"]["publishTime"]
    assert headers == {"Content-Type": "application/json"}
    assert body == {
        "message": {
            "data": "eyJyb3dzX25ldyI6IDN9",
            "messageId": message_id,
            "message_id": message_id,
            "publishTime": time_published,
            "publish_time": time_published,
        },
        "subscription": "projects/heavy-rotation-laptop/subscriptions/push-plays-loaded",
    }


def test_every_new_generation_is_an_event_and_nothing_else_is(cloud: Any) -> None:
    storage = cloud.storage
    function = _subscribed(cloud)
    storage.create_bucket({"name": "other-bucket"})

    _write(cloud, "a", "a")
    _write(cloud, "b")
    storage.write("other-bucket", "not-mine", b"")
    storage.delete(LANDING, "b")
    cloud.events.deliver_pending()

    assert function.names == ["a", "a", "b"]
    first, second, _ = (int(body["generation"]) for _, body in function.events)
    assert second > first


def test_a_refused_write_is_no_event(cloud: Any) -> None:
    function = _subscribed(cloud)
    _write(cloud, "a")
    with storage.Client() as client, pytest.raises(PreconditionFailed):
        client.bucket(LANDING).blob("a").upload_from_string("again", if_generation_match=0)
    cloud.events.deliver_pending()

    assert function.names == ["a"]


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500, 503, "no connection"])
def test_whatever_is_not_answered_with_2xx_comes_again(cloud: Any, status: int | str) -> None:
    received = []

    def deliver(headers: dict[str, str], body: bytes) -> int:
        received.append((headers, body))
        if len(received) > 2:
            return 204
        if isinstance(status, str):
            raise ConnectionRefusedError
        return status

    cloud.events.subscribe(FINALIZED, deliver)
    _write(cloud, "a")
    outcomes = [cloud.events.deliver_pending() for _ in range(4)]

    failed = 0 if isinstance(status, str) else status
    assert outcomes == [[("1", failed)], [("1", failed)], [("1", 204)], []]
    assert received[0] == received[1] == received[2]


def test_a_round_of_deliveries_includes_the_events_that_it_causes(cloud: Any) -> None:
    published = Function()

    def load(headers: dict[str, str], body: bytes) -> int:
        cloud.pubsub.publish(TOPIC, [{"data": "eA=="}])
        return 500

    cloud.pubsub.create_topic(TOPIC)
    cloud.events.subscribe(FINALIZED, load)
    cloud.events.subscribe(MESSAGE_PUBLISHED, published)
    _write(cloud, "a", "b")

    # Each once: the two that failed wait for the next round.
    assert [status for _, status in cloud.events.deliver_pending()] == [500, 500, 200, 200]


def test_the_wait_doubles_from_10_to_600_seconds() -> None:
    waits = [Backoff().seconds(attempts) for attempts in (1, 2, 3, 4, 5, 6, 7, 8, 100, 10_000)]
    assert waits == [10, 20, 40, 80, 160, 320, 600, 600, 600, 600]


def _events(tmp_path: Path, log: Any = say_nothing, backoff: Backoff | None = None) -> tuple[Events, Clock]:
    clock = Clock()
    return Events(State(tmp_path / "state.sqlite"), clock, Faults(), log, backoff), clock


def _event(key: str, target: str = LANDING) -> Event:
    return Event(f"id of {key}", FINALIZED, target, key, {}, b'{"name": "%s"}' % key.encode())


def test_a_failing_function_is_left_alone_for_longer_and_longer(tmp_path: Path) -> None:
    events, _ = _events(tmp_path, backoff=Backoff(first_seconds=0.1, longest_seconds=0.3))
    called_at: list[float] = []

    def deliver(headers: dict[str, str], body: bytes) -> int:
        called_at.append(time.time())
        return 503 if len(called_at) < 5 else 200

    events.subscribe(FINALIZED, deliver)
    events.start()
    events.publish(_event("a"))
    assert until(lambda: events.status()["subscriptions"][FINALIZED]["pending"] == 0, 20)
    events.stop()

    waits = [later - earlier for earlier, later in itertools.pairwise(called_at)]
    assert [wait >= least for wait, least in zip(waits, [0.1, 0.2, 0.3, 0.3], strict=True)] == [True] * 4


def test_a_subscription_gets_one_event_at_a_time_and_waits_for_no_other_subscription(tmp_path: Path) -> None:
    events, _ = _events(tmp_path)
    both_at_once = threading.Barrier(2)  # broken unless the two subscriptions deliver side by side
    under_way: list[str] = []
    most: list[int] = []

    def receiver(name: str) -> Callable[[dict[str, str], bytes], int]:
        def deliver(headers: dict[str, str], body: bytes) -> int:
            under_way.append(name)
            most.append(under_way.count(name))
            both_at_once.wait(timeout=20)
            under_way.remove(name)
            return 200

        return deliver

    events.subscribe(FINALIZED, receiver("landing"), LANDING)
    events.subscribe(FINALIZED, receiver("other"), "other")
    for number in range(5):
        events.publish(_event(f"a{number}"))
        events.publish(_event(f"b{number}", "other"))
    events.start()
    assert until(lambda: all(counts["pending"] == 0 for counts in events.status()["subscriptions"].values()), 20)
    events.stop()

    assert (len(most), max(most)) == (10, 1)


def test_a_write_that_fails_ends_no_deliveries(tmp_path: Path) -> None:
    entries: list[dict[str, Any]] = []
    events, _ = _events(tmp_path, lambda message, **fields: entries.append({"message": message, **fields}))
    db = sqlite3.connect(tmp_path / "state.sqlite", check_same_thread=False, isolation_level=None)
    db.execute("CREATE TRIGGER full BEFORE DELETE ON deliveries BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    delivered: list[bytes] = []

    def deliver(headers: dict[str, str], body: bytes) -> int:
        if delivered:  # there is room again when the first event comes again
            db.execute("DROP TRIGGER IF EXISTS full")
        delivered.append(body)
        return 200

    events.subscribe(FINALIZED, deliver)
    events.start()
    for key in ("a", "b"):
        events.publish(_event(key))
    assert until(lambda: events.status()["subscriptions"][FINALIZED]["pending"] == 0, 20)
    events.stop()
    db.close()

    assert delivered == [b'{"name": "a"}', b'{"name": "a"}', b'{"name": "b"}']
    assert [entry for entry in entries if entry.get("severity") == "ERROR"] == [
        {
            "message": "Deliveries pause",
            "severity": "ERROR",
            "subscription": FINALIZED,
            "error": "IntegrityError: disk is full",
        }
    ]


def test_an_event_is_given_up_when_it_is_24_hours_old(tmp_path: Path) -> None:
    entries: list[dict[str, Any]] = []
    events, clock = _events(tmp_path, lambda message, **fields: entries.append({"message": message, **fields}))
    clock.set(datetime(2026, 11, 22, 10, tzinfo=UTC))
    events.subscribe(FINALIZED, Function(503, 503, 503))
    events.publish(_event("a"))

    rounds = []
    for age in (timedelta(0), timedelta(hours=23, minutes=59), timedelta(hours=24, seconds=1), timedelta(hours=25)):
        clock.set(datetime(2026, 11, 22, 10, tzinfo=UTC) + age)
        rounds.append(events.deliver_pending())

    assert rounds == [[("id of a", 503)], [("id of a", 503)], [("id of a", 503)], []]
    assert events.status() == {
        "subscriptions": {FINALIZED: {"pending": 0, "held": 0, "given_up": 1}},
        "given_up": [
            {
                "subscription": FINALIZED,
                "event_id": "id of a",
                "event_type": FINALIZED,
                "key": "a",
                "attempts": 3,
                "status": 503,
            }
        ],
    }
    about = {"type": FINALIZED, "key": "a", "id": "id of a", "status": 503}
    again = {"message": "Event is redelivered later", "severity": "WARNING", **about}
    assert entries == [
        {**again, "seconds": 10.0},
        {**again, "seconds": 20.0},
        {"message": "Event given up after 24 hours", "severity": "ERROR", "attempts": 3, **about},
    ]


def test_a_restart_continues_what_was_not_delivered(tmp_path: Path) -> None:
    events, _ = _events(tmp_path)
    events.subscribe(FINALIZED, Function(503))
    events.publish(_event("failed before"))
    events.deliver_pending()
    events.publish(_event("never tried"))

    events, _ = _events(tmp_path)
    # No function is subscribed in this process yet, but the subscription is stored and keeps events.
    events.publish(_event("happened meanwhile"))
    assert events.deliver_pending() == []
    function = Function()
    events.subscribe(FINALIZED, function)
    events.deliver_pending()

    assert function.names == ["failed before", "never tried", "happened meanwhile"]


def test_an_event_can_be_delivered_twice(cloud: Any) -> None:
    cloud.faults.order(Fault(f"events deliver {FINALIZED} b", action="twice"))
    function = _subscribed(cloud)
    _write(cloud, "a", "b", "c")

    assert len(cloud.events.deliver_pending()) == 4
    assert sorted(function.names) == ["a", "b", "b", "c"]
    first, second = (event for event in function.events if event[1]["name"] == "b")
    assert first == second
    assert cloud.events.deliver_pending() == []


def test_an_event_can_be_overtaken_by_as_many_others_as_are_ordered(cloud: Any) -> None:
    cloud.faults.order(Fault("events deliver .* a", action="late", overtaken_by=2))
    function = _subscribed(cloud)
    _write(cloud, "a", "b")
    cloud.events.deliver_pending()
    assert function.names == ["b"]
    assert cloud.events.status()["subscriptions"][f"{FINALIZED} {LANDING}"]["held"] == 1

    _write(cloud, "c", "d")
    cloud.events.deliver_pending()

    assert sorted(function.names[:2]) == ["b", "c"]
    assert sorted(function.names) == ["a", "b", "c", "d"]


def test_a_late_event_stays_away_until_it_is_released(cloud: Any) -> None:
    cloud.faults.order(Fault("events deliver .* a", action="late", overtaken_by=None))
    function = _subscribed(cloud)
    _write(cloud, "a", "b", "c")
    cloud.events.deliver_pending()
    assert function.names == ["b", "c"]

    cloud.events.release()
    cloud.events.deliver_pending()

    assert function.names == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("fault", "statuses", "received"),
    [
        (Fault("events deliver", status=429), [429, 200], 1),
        (Fault("events deliver", action="drop"), [0, 200], 1),
        (Fault("events deliver", when="after", status=503), [503, 200], 2),
        (Fault("events deliver", when="after", action="drop"), [0, 200], 2),
    ],
)
def test_a_delivery_can_fail_before_and_after_the_function_has_run(
    cloud: Any, fault: Fault, statuses: list[int], received: int
) -> None:
    cloud.faults.order(fault)
    function = _subscribed(cloud)
    _write(cloud, "a")

    outcomes = [cloud.events.deliver_pending() for _ in range(3)]

    assert outcomes == [[("1", status)] for status in statuses] + [[]]
    assert len(function.events) == received


def test_a_stopped_world_delivers_nothing_and_loses_nothing(cloud: Any) -> None:
    cloud.faults.order(Fault("gcp GET /stop-here", action="stop"))
    function = _subscribed(cloud)
    _write(cloud, "a")
    cloud.faults.before("gcp GET /stop-here")
    assert cloud.events.deliver_pending() == [("1", 403)]

    cloud.faults.clear()
    cloud.events.deliver_pending()

    assert function.names == ["a"]
