"""The dashboard as it is served: compressed, with its policy and few doors, ready only with its settings complete."""

import gzip
import json
import os
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path

import brotli
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from localcloud import processes

DASHBOARD = Path(__file__).parents[2] / "dashboard"


@contextmanager
def served(**settings: str) -> Iterator[str]:
    port = processes.free_port()
    command = [sys.executable, "-m", "streamlit", "run", "server.py", "--server.address=127.0.0.1"]
    with pytest.MonkeyPatch.context() as environment, tempfile.TemporaryDirectory() as logs:
        for name in [name for name in os.environ if name.startswith(("GOOGLE_", "DASHBOARD_"))]:
            environment.delenv(name)
        log_path = Path(logs) / "dashboard.log"
        server = processes.start("dashboard", [*command, f"--server.port={port}"], port, settings, log_path, DASHBOARD)
        with processes.running(server):
            yield server.url


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(GOOGLE_CLOUD_PROJECT="p", DASHBOARD_ACCESS="laptop") as address:
        yield address


def get(address: str, method: str = "GET", **headers: str) -> tuple[int, Message, bytes]:
    request = urllib.request.Request(address, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_a_browser_that_knows_brotli_gets_it(address: str) -> None:
    status, headers, body = get(f"{address}/", **{"Accept-Encoding": "gzip, deflate, br"})
    assert (status, headers["Content-Encoding"]) == (200, "br")
    assert b"<html" in brotli.decompress(body)


def test_a_browser_that_refuses_brotli_gets_none(address: str) -> None:
    status, headers, body = get(f"{address}/", **{"Accept-Encoding": "br;q=0, gzip"})
    assert (status, headers["Content-Encoding"]) == (200, "gzip")
    assert b"<html" in gzip.decompress(body)


def test_every_answer_carries_the_policy(address: str) -> None:
    for path in ("/", "/api/ready", "/_stcore/health", "/_stcore/metrics", "/static/nothing-here.js"):
        _, headers, _ = get(address + path)
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'self'"
        assert policy["connect-src"] == "'self' data: blob:", "a page may talk to its own server only"
        assert policy["frame-ancestors"] == "'none'"
        assert "unsafe" not in policy["script-src"]
    status, _, body = get(f"{address}/api/ready")
    assert (status, json.loads(body)) == (200, {"ready": True})


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
        "upload_file/session/1",
        "upload_file%2Fsession%2F1",
        "metrics",
        "metrics/",
        "agent/interact",
        "agent/openapi.json",
        "agent/mcp",
        "script-health-check",
    ],
)
def test_streamlits_routes_that_no_page_needs_are_closed(address: str, method: str, path: str) -> None:
    assert get(f"{address}/_stcore/{path}", method)[0] == 404


@pytest.mark.parametrize(
    "path", ["/foo/bar", "/top/more", "/foo/%3Cscript%3Ealert(1)%3C/script%3E", "/static/js/none.js"]
)
@pytest.mark.parametrize("encoding", ["br", "identity"])
def test_an_address_below_the_first_level_is_a_page_that_says_there_is_none(
    address: str, path: str, encoding: str
) -> None:
    status, headers, body = get(f"{address}{path}?listener=x", **{"Accept-Encoding": encoding})
    assert (status, headers["Content-Encoding"]) == (404, None)
    assert headers["Content-Type"].startswith("text/html")
    assert headers["X-Content-Type-Options"] == "nosniff"
    text = body.decode()
    assert "There is no such page" in text
    assert '<a href="/">' in text
    assert "<script" not in text


@pytest.mark.parametrize("path", ["/", "/top", "/foo", "/top/", "/api/ready", "/_stcore/health"])
def test_other_addresses_are_served_as_before(address: str, path: str) -> None:
    assert get(address + path)[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://"])
def test_a_connection_from_another_sites_page_is_refused(address: str, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{address.replace('http', 'ws')}/_stcore/stream", origin=origin)
    assert refused.value.response.status_code == 403


def test_a_connection_from_its_own_page_is_taken_and_compressed(address: str) -> None:
    stream = f"{address.replace('http', 'ws')}/_stcore/stream"
    with connect(stream, origin=address, subprotocols=["streamlit"]) as connection:
        assert connection.response.headers["Sec-WebSocket-Extensions"].startswith("permessage-deflate")


def test_a_long_message_is_refused_before_it_is_whole(address: str) -> None:
    """Anyone may send one before sign-in: 200 MB of zeros are 0.2 MB on the wire, and wait in memory for their end."""
    with connect(f"{address.replace('http', 'ws')}/_stcore/stream", subprotocols=["streamlit"]) as connection:

        def without_end() -> Iterator[bytes]:
            yield bytes(2_000_001)
            connection.recv(30)

        with pytest.raises(ConnectionClosed) as closed:
            connection.send(without_end())
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_the_cookie_that_downloads_are_bound_to_is_for_the_server_alone(address: str) -> None:
    _, first, _ = get(f"{address}/")
    cookie = first["Set-Cookie"]
    assert cookie.startswith("heavy-rotation-browser=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax")
    assert get(f"{address}/", **{"X-Forwarded-Proto": "https"})[1]["Set-Cookie"].endswith("; Secure")
    assert get(f"{address}/", Cookie=cookie.split(";")[0])[1]["Set-Cookie"] is None


def test_a_server_without_its_settings_is_not_ready_and_names_the_missing_one() -> None:
    with served(GOOGLE_CLOUD_PROJECT="p") as address:
        status, _, body = get(f"{address}/api/ready")
        assert status == 503
        assert json.loads(body) == {"ready": False, "reason": "DASHBOARD_IAP_AUDIENCE is not set"}
