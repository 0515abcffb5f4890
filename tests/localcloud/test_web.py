"""The plumbing under every server of the laptop cloud."""

import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from localcloud import web
from localcloud.web import ApiError, Response, Routes, Server


def test_a_client_that_hangs_up_before_its_answer_leaves_no_traceback_and_the_server_goes_on(capfd):
    requested, gone = threading.Event(), threading.Event()

    def slow(request):
        requested.set()
        gone.wait(10)
        return Response(200, bytes(10_000_000))  # more than a connection buffers

    routes = Routes()
    routes.add("GET", "/slow", slow)
    routes.add("GET", "/quick", lambda request: Response(200, b"here"))
    server = Server("patient", routes).start()
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port)) as impatient:
        impatient.sendall(f"GET /slow HTTP/1.1\r\nHost: {urlsplit(server.url).netloc}\r\n\r\n".encode())
        requested.wait(10)
    serving = [thread for thread in threading.enumerate() if "process_request_thread" in thread.name]
    gone.set()
    for thread in serving:
        thread.join(10)
    assert requests.get(f"{server.url}/quick", timeout=10).content == b"here"
    server.stop()
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:PORT"}, 200),
        ({"Origin": "http://127.0.0.1:PORT", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Host": "evil.example:PORT"}, 403),
        ({"Host": "127.0.0.1"}, 403),
        ({"Host": "127.0.0.1:PORT.evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Host": "evil.example:PORT", "Origin": "http://evil.example:PORT"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_pages_of_other_sites_and_other_names_for_this_computer_are_refused(headers, status):
    requested, routes = [], Routes()
    for method in ("GET", "POST"):
        routes.add(method, "/here", lambda request: requested.append(request) or Response(200, b"here"))
    server = Server("shy", routes).start()
    port = str(urlsplit(server.url).port)
    headers = {name: value.replace("PORT", port) for name, value in headers.items()}
    for method in ("GET", "POST"):
        assert requests.request(method, f"{server.url}/here", headers=headers, timeout=10).status_code == status
    assert len(requested) == (2 if status == 200 else 0)
    server.stop()


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"Content-Length: 10\r\n\r\n0123456789", b"200"),
        (b"Content-Length: 11\r\n\r\n0123456789a", b"413"),
        (b"Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n0\r\n\r\n", b"411"),
        (b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0123", b"411"),
        (b"Content-Length: -1\r\n\r\n", b"400"),
        (b"Content-Length: many\r\n\r\n", b"400"),
        (b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n", b"400"),
    ],
)
def test_a_body_that_is_too_long_or_of_no_length_is_refused_unread(sent, answer):
    bodies, routes = [], Routes()
    routes.add("POST", "/here", lambda request: bodies.append(request.body) or Response(200))
    server = Server("full", routes, longest_body_bytes=10).start()
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(f"POST /here HTTP/1.1\r\nHost: {address.netloc}\r\n".encode() + sent)
        assert connection.recv(100).split()[1] == answer
    assert bodies == ([b"0123456789"] if answer == b"200" else [])
    server.stop()


def test_a_refused_caller_whose_body_never_comes_is_answered_and_holds_no_thread(monkeypatch):
    monkeypatch.setattr(web._Handler, "timeout", web._Handler.timeout / 300)

    def refuse(request):
        raise ApiError(401, "authError", "Not you")

    server = Server("strict", Routes(), check=refuse)
    url = urlsplit(server.url)
    with socket.create_connection(("127.0.0.1", url.port)) as silent:
        silent.sendall(f"POST /here HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 10\r\n\r\n".encode())
        server.start()  # the request waits for it: only the body is late
        answer = b"".join(iter(lambda: silent.recv(65_536), b""))  # to the end of the connection
    server.stop()
    assert answer.startswith(b"HTTP/1.1 401 ")


def test_a_connection_on_which_no_call_comes_is_closed(monkeypatch):
    monkeypatch.setattr(web._Handler, "timeout", web._Handler.timeout / 6000)
    server = Server("strict", Routes()).start()
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port)) as silent:
        assert silent.recv(1) == b""
    server.stop()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
def test_a_log_line_that_finds_the_disk_full_ends_nothing(monkeypatch):
    written = []
    with suppress(OSError), Path("/dev/full").open("w", buffering=1) as full:  # to close it fails, too
        monkeypatch.setattr(sys, "stdout", full)
        written = [web.log("Event delivered"), web.log("Event delivered")]
    monkeypatch.undo()
    assert written == [None, None]
