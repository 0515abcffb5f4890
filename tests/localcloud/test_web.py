"""The plumbing under every server of the laptop cloud."""

import socket
import threading
from urllib.parse import urlsplit

import pytest
import requests

from localcloud.web import Response, Routes, Server


def test_a_client_that_hangs_up_before_its_answer_leaves_no_traceback_and_the_server_goes_on(capfd):
    asked, gone = threading.Event(), threading.Event()

    def slow(request):
        asked.set()
        gone.wait(10)
        return Response(200, bytes(10_000_000))  # more than a connection buffers

    routes = Routes()
    routes.add("GET", "/slow", slow)
    routes.add("GET", "/quick", lambda request: Response(200, b"here"))
    server = Server("patient", routes).start()
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port)) as impatient:
        impatient.sendall(f"GET /slow HTTP/1.1\r\nHost: {urlsplit(server.url).netloc}\r\n\r\n".encode())
        asked.wait(10)
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
    asked, routes = [], Routes()
    for method in ("GET", "POST"):
        routes.add(method, "/here", lambda request: asked.append(request) or Response(200, b"here"))
    server = Server("shy", routes).start()
    port = str(urlsplit(server.url).port)
    headers = {name: value.replace("PORT", port) for name, value in headers.items()}
    for method in ("GET", "POST"):
        assert requests.request(method, f"{server.url}/here", headers=headers, timeout=10).status_code == status
    assert len(asked) == (2 if status == 200 else 0)
    server.stop()
