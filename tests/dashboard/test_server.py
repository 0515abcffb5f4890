"""The dashboard as it is served: compressed, with its policy, and ready only when its settings are complete."""

import gzip
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path

import brotli

DASHBOARD = Path(__file__).parents[2] / "dashboard"


@contextmanager
def served(**settings: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    unset = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "DASHBOARD_"))}
    command = [sys.executable, "-m", "streamlit", "run", "server.py", "--server.address=127.0.0.1"]
    server = subprocess.Popen([*command, f"--server.port={port}"], cwd=DASHBOARD, env={**unset, **settings})
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def wait_for(port: int) -> None:
    for _ in range(400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the server did not start")


def get(address: str, **headers: str) -> tuple[int, Message, bytes]:
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_a_browser_that_knows_brotli_gets_it():
    with served() as address:
        status, headers, body = get(f"{address}/", **{"Accept-Encoding": "gzip, deflate, br"})
        assert (status, headers["Content-Encoding"]) == (200, "br")
        assert b"<html" in brotli.decompress(body)


def test_files_are_compressed_and_every_answer_carries_the_policy():
    with served(GOOGLE_CLOUD_PROJECT="p", DASHBOARD_ACCESS="laptop") as address:
        status, headers, body = get(f"{address}/", **{"Accept-Encoding": "gzip"})
        assert (status, headers["Content-Encoding"]) == (200, "gzip")
        assert b"<html" in gzip.decompress(body)
        for path in ("/", "/api/ready", "/_stcore/health", "/static/nothing-here.js"):
            _, headers, _ = get(address + path)
            assert "default-src 'self'" in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"
            policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
            assert policy["connect-src"] == "'self' data: blob:", "a page may talk to its own server only"
        status, _, body = get(f"{address}/api/ready")
        assert (status, json.loads(body)) == (200, {"ready": True})


def test_a_server_without_its_settings_is_not_ready_and_names_the_missing_one():
    with served(GOOGLE_CLOUD_PROJECT="p") as address:
        status, _, body = get(f"{address}/api/ready")
        assert status == 503
        assert json.loads(body) == {"ready": False, "reason": "DASHBOARD_IAP_AUDIENCE is not set"}
