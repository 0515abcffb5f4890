"""Serves the dashboard and counts the bytes that a browser's first visit brings over the wire."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DASHBOARD = Path(__file__).parents[2] / "dashboard"
_QUIET_SECONDS = 1.5


def sent_bytes(browser: str, address: str, *, has_charts: bool = True) -> int:
    """Files as they came over the wire, and what came through the WebSocket; covers come from elsewhere."""
    from playwright.sync_api import sync_playwright

    total, newest_at = 0, time.monotonic()

    def add(count: int) -> None:
        nonlocal total, newest_at
        total, newest_at = total + count, time.monotonic()

    def add_file(event: dict[str, Any]) -> None:
        add(int(event["encodedDataLength"]))

    def add_frame(event: dict[str, Any]) -> None:
        # The payload of a binary frame comes as base 64.
        add(len(event["response"]["payloadData"]) * 3 // 4)

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page()
        page.route("https://**", lambda route: route.abort())
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", add_file)
        session.on("Network.webSocketFrameReceived", add_frame)
        page.goto(address)
        page.wait_for_selector("h1")
        page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
        # The chart library is fetched when the first chart is drawn, which can be later than all the rest.
        page.wait_for_selector(".vega-embed svg, .vega-embed canvas" if has_charts else "[data-testid=stDataFrame]")
        while time.monotonic() < newest_at + _QUIET_SECONDS:
            page.wait_for_timeout(100)
        chromium.close()
    return total


@contextmanager
def served(script: str) -> Iterator[str]:
    """The address of `streamlit run SCRIPT` in the dashboard's folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--server.port={port}", "--server.address=127.0.0.1"]
    server = subprocess.Popen(  # noqa: S603 -- our own command
        [sys.executable, "-m", "streamlit", "run", script, *options],
        cwd=DASHBOARD,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(f"{address}/_stcore/health")
        yield address
    finally:
        server.terminate()
        server.wait()


def _wait_until_healthy(address: str) -> None:
    for _ in range(120):
        try:
            urllib.request.urlopen(address, timeout=2).close()  # noqa: S310 -- our own address
            return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError("the dashboard did not start")
