"""The wire of the storms answers as a socket does, and applies the caller's time-outs."""

import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import requests
from requests.adapters import HTTPAdapter

from localcloud.faults import Fault, Faults
from localcloud.web import Response, Routes, Server
from tests.faults.storms import SLOW_SECONDS, Listening, Storm, Trouble
from tests.faults.test_checks_can_fail import ONE
from tests.faults.wire import Wire
from tests.faults.world import QUIET_PLAYS, open_world
from tests.localcloud.spotify.faulty_spotify import SpotifyFault


def echo(request):
    seen = {"query": request.query, "type": request.headers.get("Content-Type"), "body": request.body.decode()}
    return Response.of_json(seen, 418, Retry="ä".encode().decode("latin-1"))


@contextmanager
def wired(monkeypatch, *servers):
    wire = Wire(servers, time.monotonic)
    with monkeypatch.context() as patch:
        patch.setattr(HTTPAdapter, "send", lambda adapter, request, **how: wire.send(adapter, request, **how))
        yield


@pytest.fixture
def world():
    """For one test: while a world is open, all of this process goes over its wire, the calls by socket below too."""
    with open_world() as world:
        yield world


@pytest.fixture
def faults():
    return Faults()


@pytest.fixture
def server(faults):
    routes = Routes()
    for method in ("GET", "POST"):
        routes.add(method, "/echo.*", echo)
    server = Server("echo", routes, faults).start()
    yield server
    server.stop()


@pytest.mark.parametrize(
    "call",
    [
        {"method": "GET", "params": {"q": ["a b", "ü&"], "empty": ""}},
        {"method": "POST", "data": {"grant_type": "refresh_token", "refresh_token": "a/b+c"}},
        {"method": "POST", "json": {"name": "日本"}},
        {"method": "POST", "data": b"a,b\n"},
        {"method": "POST"},
    ],
    ids=lambda call: "-".join(map(str, call)),
)
def test_an_answer_is_the_one_that_a_socket_brings(monkeypatch, server, call):
    by_socket = requests.request(url=f"{server.url}/echo%2Fpath", timeout=5, **call)
    with wired(monkeypatch, server):
        by_wire = requests.request(url=f"{server.url}/echo%2Fpath", timeout=5, **call)
    assert (by_wire.status_code, by_wire.json(), by_wire.content) == (418, by_socket.json(), by_socket.content)
    for name in ("Content-Type", "Content-Length", "Retry"):
        assert by_wire.headers[name] == by_socket.headers[name]


def test_a_body_that_is_read_in_pieces(monkeypatch, server):
    with wired(monkeypatch, server):
        answer = requests.post(f"{server.url}/echo", data="x" * 1000, timeout=5, stream=True)
    pieces = []
    while piece := answer.raw.read1(300, decode_content=True):
        pieces.append(piece)
    assert len(pieces) > 3
    assert b"x" * 1000 in b"".join(pieces)


def test_a_call_without_an_answer_times_out(monkeypatch, server, faults):
    faults.order(Fault("echo", "drop"))
    with wired(monkeypatch, server):
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{server.url}/echo", timeout=5)
        with pytest.raises(requests.ConnectionError):
            requests.get("http://127.0.0.1:9/", timeout=5)
        assert requests.get(f"{server.url}/echo", timeout=5).status_code == 418


@pytest.mark.parametrize(
    ("timeout", "is_late"), [(19, True), (21, False), ((1, 19), True), ((1, 21), False), (None, False)]
)
def test_an_answer_that_takes_twenty_seconds_is_late_for_some(world, monkeypatch, server, faults, timeout, is_late):
    faults.order(Fault("echo", "delay", seconds=20))  # of the storms' own time: no wall-clock time passes
    before = datetime.now(UTC)
    with wired(monkeypatch, server):
        if is_late:
            with pytest.raises(requests.ReadTimeout):
                requests.get(f"{server.url}/echo", timeout=timeout)
        else:
            assert requests.get(f"{server.url}/echo", timeout=timeout).status_code == 418
    assert timedelta(seconds=20) <= datetime.now(UTC) - before < timedelta(seconds=30)


def test_ingest_does_not_wait_for_an_answer_that_comes_too_late(world):
    """SLOW_SECONDS is more than the time-outs of functions/ingest/http_client.py: three tries, then the next hour's
    run."""
    slow = SpotifyFault("slow", listener=ONE, endpoint="recently-played", times=3, seconds=SLOW_SECONDS)
    evidence = world.run(Storm(1, 1, (Listening(0, ONE, 5),), (Trouble(0, "slow", (slow,)),)))
    first, second = (attempt.answer["listeners"][ONE] for attempt in evidence.attempts[:2])
    assert (first["state"], second["state"], second["new"]) == ("failed", "collected", 5 + QUIET_PLAYS)
    assert "no answer, ReadTimeout" in first["reason"]


def test_a_thread_that_polls_already_does_not_move_the_time_of_a_storm():
    over, polled = threading.Event(), threading.Event()

    def poll():
        while not over.is_set():
            time.sleep(0.01)
            polled.set()

    poller = threading.Thread(target=poll)
    poller.start()
    try:
        with open_world():
            polled.clear()
            before = time.monotonic()
            assert polled.wait(10)
            assert time.monotonic() == before
    finally:
        over.set()
        poller.join()
