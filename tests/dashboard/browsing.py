"""The dashboard in a process of its own, visited with a real Chromium: what the tests of its pages in a browser share.

The pictures are kept in build/screenshots.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import axe_playwright_python
import pytest
from playwright import sync_api as playwright

from localcloud import chromium
from localcloud.processes import free_port

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
IN_A_BROWSER = [pytest.mark.browser, pytest.mark.timeout(300)]
PAGES = ("", "top", "when", "discoveries", "sound", "year", "history", "pipeline", "about")

_AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
_RULES = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']"
_STREAMLITS_OWN = {"svg-img-alt": "stMetric", "target-size": "stDateInput"}
"""Rule → the element of Streamlit's whose inside breaks it in a bare app too: marks of a metric's spark bars, and the
year, month and day of a date, which lie closer together than a finger is wide."""
_HARMLESS = ("_stcore/health", "_stcore/host-config", "Infinite extent")
"""Streamlit asks for the first two under every page's path and expects 404; Vega says the third of empty spark bars."""
_COVER_HOSTS = {"i.scdn.co", "mosaic.scdn.co"}
_TITLE_SECONDS = 20
_START_SECONDS = 120


@contextmanager
def serving(state_file: Path, port: int | None = None, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of the dashboard, served as in its container, over the state that the file names. With settings of
    its own it lives in real time, because a browser drops cookies that a server of the past gives.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "tests.dashboard.serve_invented", str(port), str(state_file)]
    command += [f"{name}={value}" for name, value in (settings or {}).items()]
    server = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "TZ": "Asia/Kolkata"})
    try:
        yield _healthy(f"http://127.0.0.1:{port}", server)
    finally:
        server.terminate()
        server.wait(timeout=20)


def _healthy(address: str, server: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urlopen(f"{address}/_stcore/health", timeout=2):
                return address
        except OSError:
            time.sleep(0.3)
    raise AssertionError("the dashboard did not start")


class Browser:
    """Visits of one look share what the browser keeps, so that only the first loads and compiles Streamlit."""

    def __init__(self, browser: playwright.Browser) -> None:
        self._browser = browser
        self._contexts: dict[tuple[str, int], playwright.BrowserContext] = {}

    @contextmanager
    def visit(self, address: str, theme: str = "light", width: int = 1366) -> Iterator["Visit"]:
        """In another zone than the data and the server."""
        if (theme, width) not in self._contexts:
            self._contexts[theme, width] = self._browser.new_context(
                color_scheme=theme,
                timezone_id="America/Los_Angeles",
                viewport={"width": width, "height": 900},
                locale="en-GB",
            )
        page = self._contexts[theme, width].new_page()
        try:
            yield Visit(page, address, width)
        finally:
            page.close()


@contextmanager
def browsing() -> Iterator[Browser]:
    path = chromium.find()
    assert path, chromium.MISSING
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield Browser(browser)
        browser.close()


class Visit:
    """One page of the browser; it keeps every address that was asked and every complaint."""

    def __init__(self, page: playwright.Page, address: str, width: int) -> None:
        self.page, self.address, self._width = page, address, width
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", self._hear)

    def open(self, path: str) -> "Visit":
        self.page.goto(f"{self.address}/{path}")
        return self.settle()

    def settle(self) -> "Visit":
        """Until there is a title or an error, the script has ended and nothing stale or waiting is left."""
        self.page.wait_for_selector("h1, [data-testid=stException]", timeout=_TITLE_SECONDS * 1000)
        self.page.wait_for_timeout(300)
        self.page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=60_000)
        self.page.wait_for_selector('[data-stale="true"], [data-testid="stSkeleton"]', state="detached", timeout=30_000)
        self.page.wait_for_timeout(500)
        return self

    def strangers(self) -> set[str]:
        hosts = {urlsplit(url).hostname for url in self.asked if url.startswith(("http", "ws"))}
        return {host for host in hosts if host and host != "127.0.0.1"} - _COVER_HOSTS

    def overhang(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(
            self.page.evaluate("(main => main.scrollWidth - main.clientWidth)(document.querySelector('.stMain'))")
        )

    def empty_charts(self) -> int:
        """How many charts have no mark in them, as where Vega could not work out an expression."""
        return int(
            self.page.evaluate(
                "[...document.querySelectorAll('[data-testid=stVegaLiteChart]')]"
                ".filter(chart => !chart.querySelector('svg .mark-rect *, svg .mark-symbol *, svg .mark-line *, "
                "svg .mark-rule *, svg .mark-area *, canvas')).length"
            )
        )

    def picture(self, name: str) -> None:
        """Streamlit scrolls inside, so the window is made as high as the page."""
        height = self.page.evaluate("document.querySelector('.stMain').scrollHeight")
        self.page.set_viewport_size({"width": self._width, "height": min(int(height) + 20, 8000)})
        self.page.wait_for_timeout(500)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    def barriers(self) -> list[str]:
        """What axe finds, less what Streamlit itself does."""
        self.page.evaluate(_AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate(f"axe.run(document, {{runOnly: {_RULES}}})")
        return [
            f"{rule['id']}: {node['target']}"
            for rule in found["violations"]
            for node in rule["nodes"]
            if not self._is_streamlits(rule["id"], node["target"][0])
        ]

    def _is_streamlits(self, rule: str, selector: str) -> bool:
        inside = _STREAMLITS_OWN.get(rule)
        return bool(
            inside and self.page.locator(selector).locator(f"xpath=ancestor::*[@data-testid='{inside}']").count()
        )

    def _hear(self, message: playwright.ConsoleMessage) -> None:
        said = f"{message.text} {message.location.get('url', '')}"
        if message.type == "error" and not any(part in said for part in _HARMLESS):
            self.complaints.append(said)
