"""Serves the dashboard and counts the bytes that a browser's first visit brings over the wire."""

import socket
import socketserver
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

from localcloud import processes
from localcloud.dashboard import DASHBOARD

_QUIET_SECONDS = 1.5


def sent_bytes(browser: str, port: int, path: str, *, has_charts: bool) -> int:
    """All that the server on this port sends for a page: files, headers, WebSocket. Covers come from elsewhere."""
    from playwright.sync_api import sync_playwright

    with _Counter(port) as counter, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page()
        page.route("https://**", lambda route: route.abort())
        page.goto(f"http://127.0.0.1:{counter.server_address[1]}/{path}")
        page.wait_for_selector("h1")
        page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
        # The chart library is fetched when the first chart is drawn, which can be later than all the rest.
        page.wait_for_selector(".vega-embed svg, .vega-embed canvas" if has_charts else "[data-testid=stDataFrame]")
        while time.monotonic() < counter.newest_at + _QUIET_SECONDS:
            page.wait_for_timeout(100)
        chromium.close()
    return sum(counter.sizes)


class _Counter(socketserver.ThreadingTCPServer):
    """Stands between browser and server, and counts what the server sends: it sees it as compressed as it is."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.behind, self.newest_at = ("127.0.0.1", port), time.monotonic()
        self.sizes: list[int] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.server_close()


class _Connection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        counter = cast(_Counter, self.server)
        # Either end may hang up at any moment: the browser does when it is closed.
        with socket.create_connection(counter.behind) as server, suppress(OSError):
            threading.Thread(target=self._pass_on, args=(server,), daemon=True).start()
            while data := server.recv(65_536):
                counter.sizes.append(len(data))
                counter.newest_at = time.monotonic()
                self.request.sendall(data)

    def _pass_on(self, server: socket.socket) -> None:
        with suppress(OSError):
            while data := self.request.recv(65_536):
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)


@contextmanager
def served_dashboard(script: str) -> Iterator[int]:
    """The port of `streamlit run SCRIPT` in the dashboard's folder."""
    port = processes.free_port()
    options = [f"--server.port={port}", "--server.address=127.0.0.1"]
    command = [sys.executable, "-m", "streamlit", "run", script, *options]
    with tempfile.TemporaryDirectory() as logs:
        server = processes.start("dashboard", command, port, {}, Path(logs) / "dashboard.log", DASHBOARD)
        with processes.running(server):
            yield port
