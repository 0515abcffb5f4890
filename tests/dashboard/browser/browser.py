"""The dashboard in a process of its own, visited with a real Chromium: what the tests of its pages in a browser share.

With PICTURES=1 in the environment each page that they look at is kept in build/screenshots.
"""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import urlsplit
from urllib.request import urlopen

import axe_playwright_python
import pytest
from playwright import sync_api as playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from localcloud import chromium, processes

Theme: TypeAlias = Literal["light", "dark"]
ROOT = Path(__file__).parents[3]
SCREENSHOTS = ROOT / "build" / "screenshots"
IN_A_BROWSER = [pytest.mark.browser, pytest.mark.timeout(300)]
PAGES = ("", "top", "when", "discoveries", "sound", "year", "history", "together", "pipeline", "about")

_AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
_RUN_AXE = """rules => axe
  .run(document, {runOnly: rules, resultTypes: ['violations']})
  .then(found => found.violations.flatMap(rule => rule.nodes.map(node => [rule.id, node.target.map(String)])))"""
"""Only violations cross to this process: the elements that pass are thousands, and took longer than the check."""
_EVERY_RULE = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RULES_OF_LOOK = ["color-contrast", "link-in-text-block", "target-size"]
"""Those among them that a page in the other theme or width may break although it keeps the rest."""
_CHARTS_ARE_DRAWN = """() => [...document.querySelectorAll('[data-testid=stVegaLiteChart]')]
  .every(chart => chart.querySelector('canvas, svg'))"""
_NAMES_BESIDE_BARS = "[aria-label^='X-axis for a discrete scale'] .role-axis-label text:not([text-anchor=middle])"
_CUT_OFF = """() => [...document.querySelectorAll('[data-testid=stMetricValue], .hr-title')].filter(line => {
  const text = document.createRange(), room = line.clientWidth
  text.selectNode(document.createTreeWalker(line, NodeFilter.SHOW_TEXT).nextNode())
  return text.getBoundingClientRect().width > room + 1 && (room < 80 || !line.matches('.hr-title'))
}).map(line => line.innerText)"""
"""Numbers that end in an ellipsis, and names of which a few letters are seen."""
_NEXT_FRAME = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
_STREAMLITS_OWN = {"svg-img-alt": "stMetric", "target-size": "stDateInput"}
"""Rule → the element of Streamlit's whose inside breaks it in a bare app too: marks of a metric's spark bars, and the
year, month and day of a date, which lie closer together than a finger is wide."""
_HARMLESS = ("_stcore/health", "_stcore/host-config", "Infinite extent")
"""Streamlit asks for the first two under every page's path and expects 404; Vega says the third of empty spark bars."""
# A page is closed before a better compiler would pay.
_QUICK_START = "--js-flags=--sparkplug --no-maglev --no-opt"
_COVER_HOSTS = {"i.scdn.co", "mosaic.scdn.co"}
_TITLE_SECONDS = 20
_RUN_SECONDS = 60
_START_SECONDS = 120
playwright.expect.set_options(timeout=_RUN_SECONDS * 1000)


@contextmanager
def serving(state_file: Path, port: int | None = None, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of the dashboard, served as in its container, over the state that the file names. With settings of
    its own it lives in real time, because a browser drops cookies that a server of the past gives.
    """
    port = port or processes.free_port()
    command = [sys.executable, "-m", "tests.dashboard.browser.serve_invented", str(port), str(state_file)]
    command += [f"{name}={value}" for name, value in (settings or {}).items()]
    log_path = state_file.with_name(f"dashboard-{port}.log")
    server = processes.start("dashboard", command, port, {"TZ": "Asia/Kolkata"}, log_path, ROOT)
    with processes.running(server):
        # Streamlit opens its port first and answers once it has started: a visit waits less than that may take.
        urlopen(f"{server.url}/_stcore/health", timeout=_START_SECONDS).close()
        yield server.url


class Browser:
    """Visits share a tab, so that only the first loads and compiles Streamlit: half of a page's CPU."""

    def __init__(self, browser: playwright.Browser) -> None:
        self._browser = browser

    @cached_property
    def _tab(self) -> playwright.Page:
        return self._new_context().new_page()

    @contextmanager
    def visit(self, address: str, theme: Theme = "light", width: int = 1366) -> Iterator["Visit"]:
        """In another zone than the data and the server."""
        visit = Visit(self._tab, address, theme)
        visit.resize(width)
        try:
            yield visit
        finally:
            visit.end()

    @contextmanager
    def first_visit(self, address: str) -> Iterator["Visit"]:
        """By a browser that has kept nothing yet."""
        context = self._new_context()
        yield Visit(context.new_page(), address)
        context.close()

    def _new_context(self) -> playwright.BrowserContext:
        return self._browser.new_context(timezone_id="America/Los_Angeles", locale="en-GB")

    @contextmanager
    def another(self, *arguments: str) -> Iterator["Browser"]:
        """A process of its own with more arguments, as one playwright drives all browsers of a thread."""
        with _launched(self._browser.browser_type, *arguments) as browser:
            yield browser


@contextmanager
def browsing() -> Iterator[Browser]:
    with playwright.sync_playwright() as driver, _launched(driver.chromium) as browser:
        yield browser


@contextmanager
def _launched(kind: playwright.BrowserType, *arguments: str) -> Iterator[Browser]:
    path = chromium.find()
    assert path, chromium.MISSING
    browser = kind.launch(executable_path=path, args=["--no-sandbox", _QUICK_START, *arguments])
    yield Browser(browser)
    browser.close()


class Visit:
    """One page of the browser; it keeps every address that was asked and every complaint."""

    def __init__(self, page: playwright.Page, address: str, theme: Theme = "light") -> None:
        self.page, self.address, self._theme = page, address, theme
        page.emulate_media(color_scheme=theme)
        self.requested: list[str] = []
        self.complaints: list[str] = []
        self._width, self._is_running = 1366, False
        self._handlers = {
            "request": lambda request: self.requested.append(request.url),
            "console": self._hear,
            "websocket": self._watch,
        }
        for event, handler in self._handlers.items():
            page.on(event, handler)  # type: ignore[call-overload]

    def open(self, path: str) -> "Visit":
        self.page.goto(f"{self.address}/{path}")
        return self.settle()

    def end(self) -> None:
        """The next visit of this tab begins without this page and its session."""
        for event, handler in self._handlers.items():
            self.page.remove_listener(event, handler)
        self.page.goto(f"{self.address}/_stcore/health")

    def turn(self, theme: Theme) -> None:
        """The page in this theme, loaded anew: an open page keeps the colours of its lists and charts until it runs."""
        if theme != self._theme:
            self._theme = theme
            self.page.emulate_media(color_scheme=theme)
            self.page.reload()

    def resize(self, width: int) -> None:
        self._width = width
        self.page.set_viewport_size({"width": width, "height": 900})

    def settle(self) -> "Visit":
        """Until there is a title or an error, no run of the script is under way and every chart is drawn.

        A run is under way from the message that asks for it to the one that ends it. After a click the old page may
        stay for longer than the three tenths of a second that count as quiet: wait for what the click brings first.
        """
        self.page.wait_for_selector("h1, [data-testid=stException]", timeout=_TITLE_SECONDS * 1000)
        quiet, deadline = 0, time.monotonic() + _RUN_SECONDS
        while quiet < 3:
            assert time.monotonic() < deadline, "the script still runs"
            self.page.wait_for_timeout(100)
            quiet = 0 if self._is_running else quiet + 1
        self.page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=60_000)
        self.page.wait_for_selector('[data-stale="true"], [data-testid="stSkeleton"]', state="detached", timeout=30_000)
        self.page.wait_for_function(_CHARTS_ARE_DRAWN)
        self.page.evaluate(_NEXT_FRAME)
        return self

    def _watch(self, socket: playwright.WebSocket) -> None:
        socket.on("framesent", self._see_request)
        socket.on("framereceived", self._see_answer)

    def _see_request(self, payload: str | bytes) -> None:
        if isinstance(payload, bytes) and BackMsg.FromString(payload).WhichOneof("type") == "rerun_script":
            self._is_running = True

    def _see_answer(self, payload: str | bytes) -> None:
        if not isinstance(payload, bytes):
            return
        message = ForwardMsg.FromString(payload)
        if message.WhichOneof("type") == "script_finished":
            self._is_running = message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN

    def strangers(self) -> set[str]:
        hosts = {urlsplit(url).hostname for url in self.requested if url.startswith(("http", "ws"))}
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
        """Kept for a person to look at. Streamlit scrolls inside, so the window is made as high as the page."""
        if "PICTURES" not in os.environ:
            return
        height = self.page.evaluate("document.querySelector('.stMain').scrollHeight")
        self.page.set_viewport_size({"width": self._width, "height": min(int(height) + 20, 8000)})
        self.page.evaluate(_NEXT_FRAME)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    def barriers(self, *, of_look_alone: bool = False) -> list[str]:
        """What axe finds, less what Streamlit itself does."""
        self.page.evaluate(_AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate(_RUN_AXE, _RULES_OF_LOOK if of_look_alone else _EVERY_RULE)
        return [f"{rule}: {target}" for rule, target in found if not self._is_streamlits(rule, target[0])]

    def flaws(self, *, elements_are_known: bool = False) -> dict[str, object]:
        """What keeps the page, as it looks now, from looking finished; empty when nothing does.

        `elements_are_known`: the same elements were looked at in other colours or another width.
        """
        found = {
            "exceptions": self.page.locator("[data-testid=stException]").all_inner_texts(),
            "barriers": self.barriers(of_look_alone=elements_are_known),
            "empty charts": self.empty_charts(),
            "names beside their bars": self.page.locator(_NAMES_BESIDE_BARS).all_text_contents(),
            "cut off": self.page.evaluate(_CUT_OFF),
            "overhang": max(0, self.overhang()),
            "complaints": self.complaints,
        }
        return {name: value for name, value in found.items() if value}

    def _is_streamlits(self, rule: str, selector: str) -> bool:
        inside = _STREAMLITS_OWN.get(rule)
        return bool(
            inside and self.page.locator(selector).locator(f"xpath=ancestor::*[@data-testid='{inside}']").count()
        )

    def _hear(self, message: playwright.ConsoleMessage) -> None:
        sentence = f"{message.text} {message.location.get('url', '')}"
        if message.type == "error" and not any(part in sentence for part in _HARMLESS):
            self.complaints.append(sentence)
