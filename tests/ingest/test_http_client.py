"""Answers without end, too slow, cut, wrongly packed, or elsewhere (a plain socket sends them), and pauses (429)."""

import gzip
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from failures import Failure, NotAsked, RateLimited, RequestRefused, SpotifyUnavailable, UnreadableAnswer
from http_client import Call, HttpClient, Session
from localcloud.web import Response, Routes, Server
from spotify import App, Spotify
from tests.localcloud.spotify.faulty_spotify import ERRORS, told_to_wait

ENDS = b"Connection: close\r\n"
"""The server closes each connection: unsaid, the next try might use it before its end has come."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + ENDS


@contextmanager
def answering(*pieces, seconds_between=0.0):
    """A server that sends these bytes to each client, and what it was sent: url, requests."""
    listener = socket.create_server(("127.0.0.1", 0))
    received, is_over = [], threading.Event()

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=send, args=(connection,), daemon=True).start()

    def send(connection):
        with connection, suppress(OSError):
            received.append(connection.recv(65_536))
            for piece in pieces:
                connection.sendall(piece)
                if is_over.wait(seconds_between):
                    return
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65_536):  # the rest of the request: unread, it would turn the end into a reset
                pass

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", received
    is_over.set()
    listener.close()


def requested(url, read=lambda body: body, **form):
    call = Call("POST" if form else "GET", url, {"Authorization": "Bearer s3cret"}, form=form or None)
    with Session() as session:
        return HttpClient(session).fetch(call, read, lambda status, text: RequestRefused(f"status {status}"))


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("http_client._FIRST_WAIT_SECONDS", 0.001)


def whole(body, *headers):
    return b"".join([HEAD, *headers, b"Content-Length: %d\r\n\r\n" % len(body), body])


@pytest.mark.parametrize(
    "answer",
    [
        whole(b'{"a": "\xc3\xa4"}'),
        whole(b'\xef\xbb\xbf{"a": "\xc3\xa4"}'),
        whole(gzip.compress('{"a": "ä"}'.encode()), b"Content-Encoding: gzip\r\n"),
        HEAD + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n7\r\n "\xc3\xa4" }\r\n0\r\n\r\n',
        HEAD + b'\r\n{"a": "\xc3\xa4"}',
    ],
    ids=["plain", "byte order mark", "packed", "in chunks", "until the end of the connection"],
)
def test_a_whole_answer_is_read_however_it_is_sent(answer):
    with answering(answer) as (url, _):
        assert requested(url) == {"a": "ä"}


def test_a_packed_answer_is_read_to_its_end_however_small_its_pieces():
    packed = whole(gzip.compress(json.dumps(list(range(50))).encode()), b"Content-Encoding: gzip\r\n")
    with answering(*(packed[place : place + 1] for place in range(len(packed))), seconds_between=0.001) as (url, _):
        assert requested(url) == list(range(50))


def test_bytes_that_are_no_utf8_cost_a_letter_and_not_the_page():
    with answering(whole(b'{"a": "Bj\xf6rk"}')) as (url, _):
        assert requested(url) == {"a": "Bj\ufffdrk"}


BROKEN = {
    "cut": (HEAD + b'Content-Length: 100\r\n\r\n{"a":', "a broken answer, "),
    "cut in a chunk": (HEAD + b'Transfer-Encoding: chunked\r\n\r\nff\r\n{"a":', "a broken answer, "),
    "no number of a chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", "a broken answer, "),
    "said to be packed": (whole(b"{}", b"Content-Encoding: gzip\r\n"), "a broken answer, "),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", "no answer, ConnectionError"),
    "nothing": (b"", "no answer, ConnectionError"),
    "a server's own page": (whole(b" \n<!doctype html><p>Sign in to the guest network</p>"), "status 200"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_answer_is_a_service_that_is_not_available(kind):
    answer, words = BROKEN[kind]
    with answering(answer) as (url, received), pytest.raises(SpotifyUnavailable) as failure:
        requested(url)
    assert str(failure.value).startswith(words)
    assert len(received) == 3


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"Content-Length: 99999999999\r\n\r\n",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 999999\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n" + ENDS + b"Content-Length: 99999999999\r\n\r\n",
    ],
    ids=["long", "long once unpacked", "of a redirect"],
)
def test_an_answer_without_end_is_given_up(monkeypatch, answer):
    monkeypatch.setattr("http_client._MOST_BYTES", 1_000_000)
    bomb = gzip.compress(b" " * 50_000_000)
    body = [bomb] if b"gzip" in answer else [b" " * 65_536] * 64
    with answering(answer, *body) as (url, _), pytest.raises(SpotifyUnavailable, match="an answer without end"):
        requested(url)


def test_an_answer_of_a_byte_now_and_then_is_given_up(monkeypatch):
    monkeypatch.setattr("http_client._WHOLE_SECONDS", 0.3)
    monkeypatch.setattr("http_client._MOST_ATTEMPTS", 1)
    head = HEAD + b"Content-Length: 1000\r\n\r\n"
    with (
        answering(head, *[b" "] * 1000, seconds_between=0.05) as (url, _),
        pytest.raises(SpotifyUnavailable, match="not whole after"),
    ):
        requested(url)


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"307 Temporary", b"308 Permanent"])
def test_a_token_follows_no_redirect_to_another_server(status):
    with answering(whole(b"{}")) as (elsewhere, seen):
        head = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n" + ENDS
        redirect = head + b"Location: " + elsewhere.encode() + b"/\r\n\r\n"
        with (
            answering(redirect) as (url, received),
            pytest.raises(SpotifyUnavailable, match=f"status {status[:3].decode()}"),
        ):
            requested(url, refresh_token="s3cret")
        assert (len(received), seen) == (3, [])


@pytest.mark.parametrize("target", [b"http://[", b"//[x", b"\xff"])
def test_a_redirect_whose_target_is_no_url_is_a_service_that_is_not_available(target):
    redirect = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n" + ENDS + b"Location: " + target + b"\r\n\r\n"
    with answering(redirect) as (url, _), pytest.raises(SpotifyUnavailable, match="status 302"):
        requested(url)


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"a":' * 200_000, b'{"a": ' + b"9" * 5_000 + b"}", b"NaN x", b"\0"])
def test_json_that_cannot_be_read_is_an_unreadable_answer(body):
    with answering(whole(body)) as (url, _), pytest.raises(UnreadableAnswer, match="it is not JSON"):
        requested(url)


def test_no_secret_stands_in_what_is_said_of_a_failed_call():
    for answer in (b"", whole(b"s3cret"), b"HTTP/1.1 401 s3cret\r\n" + ENDS + b"Content-Length: 6\r\n\r\ns3cret"):
        with answering(answer) as (url, _), pytest.raises(Failure) as failure:
            requested(f"{url}/?code=s3cret", refresh_token="s3cret")
        assert "s3cret" not in json.dumps([str(failure.value), repr(failure.value)])


PAGE = Response.of_json({"items": []})


class Crowded:
    """A Spotify that answers the calls whose numbers are given with 429, and notes when each call came."""

    def __init__(self, refused, retry_after_seconds):
        self.refused, self.retry_after_seconds, self.came_at = refused, retry_after_seconds, []

    def answer(self, request):
        self.came_at.append(time.monotonic())
        if len(self.came_at) in self.refused:
            return told_to_wait(ERRORS["rate_limited"], self.retry_after_seconds)
        return PAGE


@pytest.fixture
def calling():
    """From numbers of refused calls and a Retry-After to a Spotify to ask, and the server's notes."""
    servers = []

    def start(refused, retry_after_seconds):
        crowded, routes = Crowded(refused, retry_after_seconds), Routes()
        routes.add("GET", "/v1/me/player/recently-played", crowded.answer)
        servers.append(Server("spotify", routes).start())
        url = servers[-1].url
        return Spotify(Session(), url, url, App("id", "secret")), crowded

    yield start
    for server in servers:
        server.stop()


def outcome(spotify):
    try:
        return spotify.fetch_recently_played("token")
    except (RateLimited, NotAsked) as failure:
        return type(failure)


def test_no_thread_calls_while_a_pause_lasts_and_all_are_answered_after_it(calling):
    spotify, crowded = calling({1}, 1)
    assert outcome(spotify) == []  # the pause is over
    crowded.refused = {3}
    before = spotify._http._pause_ends_at
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(outcome, spotify)
        while spotify._http._pause_ends_at == before:
            time.sleep(0.005)
        others = [pool.submit(outcome, spotify) for _ in range(7)]
        assert [future.result() for future in [first, *others]] == [[]] * 8
    assert min(crowded.came_at[3:]) - crowded.came_at[2] >= 1
    assert len(crowded.came_at) == 2 + 1 + 8


def test_three_short_pauses_are_waited_for_and_a_fourth_ends_the_asking(calling, monkeypatch):
    monkeypatch.setattr("http_client._PAUSE_SECONDS_BY_DEFAULT", 0)
    spotify, crowded = calling({1, 2, 3, 5, 6, 7, 8}, None)
    assert outcome(spotify) == []
    assert outcome(spotify) == RateLimited
    assert outcome(spotify) == NotAsked
    assert len(crowded.came_at) == 8


def test_a_pause_of_more_than_half_a_minute_ends_the_asking_at_once(calling):
    spotify, crowded = calling({1}, 31)
    assert [outcome(spotify), outcome(spotify)] == [RateLimited, NotAsked]
    assert len(crowded.came_at) == 1


def test_a_run_does_not_wait_for_ever_however_short_the_pauses_are(calling, monkeypatch):
    monkeypatch.setattr("http_client._MOST_PAUSE_SECONDS", 2)
    spotify, crowded = calling({1, 3, 5, 7}, 1)
    assert [outcome(spotify) for _ in range(4)] == [[], [], RateLimited, NotAsked]
    assert len(crowded.came_at) == 5
