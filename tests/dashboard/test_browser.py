"""Every page in a real Chromium, light and dark, wide and on a phone: no error, no stranger asked, nothing cut off.

The pictures are kept in build/screenshots. Needs a chromium on the path.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from PIL import Image

import year_picture
from tests.dashboard.invented_states import STATES
from tests.dashboard.invented_warehouse import warehouse

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not CHROMIUM, reason="no chromium is installed"),
]

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
AXE = Path(axe.__file__).parent / "axe.min.js"
RULES = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']"
STREAMLITS_OWN = {"svg-img-alt": "stMetric", "target-size": "stDateInput"}
"""Rule → the element of Streamlit's whose inside breaks it in a bare app too: marks of a metric's spark bars, and the
year, month and day of a date, which lie closer together than a finger is wide."""
HARMLESS = ("_stcore/health", "_stcore/host-config", "Infinite extent")
"""Streamlit asks for the first two under every page's path and expects 404; Vega says the third of empty spark bars."""
COVER_HOSTS = {"i.scdn.co", "mosaic.scdn.co"}
PAGES = ("", "top", "when", "discoveries", "sound", "year", "history", "pipeline", "about")
ITEMS = {"track": "track_id", "artist": "artist_id", "album": "album_id"}
STATE_PAGES = {
    "no-features": ("sound",),
    "one-play": ("", "top", "when", "discoveries", "sound", "year", "history"),
    "few-plays": ("", "when"),
    "nothing-lately": ("", "sound"),
    "late": ("",),
    "stale": ("", "pipeline"),
}
"""Where a state shows itself; elsewhere on the overview and the pipeline page."""
TITLE_SECONDS = 20


@pytest.fixture(scope="module")
def state_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Says which state the warehouse is in."""
    path = tmp_path_factory.mktemp("invented") / "state"
    path.write_text("")
    return path


@pytest.fixture
def in_state(state_file: Path) -> Iterator[Callable[[str], object]]:
    yield state_file.write_text
    state_file.write_text("")


@pytest.fixture(scope="module")
def address(state_file: Path) -> Iterator[str]:
    """The dashboard in a process of its own, served as in its container."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.dashboard.serve_invented", str(port), str(state_file)]
    server = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "TZ": "Asia/Kolkata"})
    try:
        yield _healthy(f"http://127.0.0.1:{port}", server)
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture(scope="module")
def chromium() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """One page in a browser that is in another zone than the data and the server."""

    def __init__(self, browser: "playwright.Browser", address: str, theme: str = "light", width: int = 1366) -> None:
        self.address = address
        self._width = width
        self._context = browser.new_context(
            color_scheme=theme,
            timezone_id="America/Los_Angeles",
            viewport={"width": width, "height": 900},
            locale="en-GB",
        )
        self.page = self._context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self._hear(message))

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *error: object) -> None:
        self._context.close()

    def open(self, path: str) -> "Visit":
        self.page.goto(f"{self.address}/{path}")
        return self.settle()

    def settle(self) -> "Visit":
        """Until there is a title or an error, the script has ended and nothing stale or waiting is left."""
        self.page.wait_for_selector("h1, [data-testid=stException]", timeout=TITLE_SECONDS * 1000)
        self.page.wait_for_timeout(300)
        self.page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=60_000)
        self.page.wait_for_selector('[data-stale="true"], [data-testid="stSkeleton"]', state="detached", timeout=30_000)
        self.page.wait_for_timeout(500)
        return self

    def strangers(self) -> set[str]:
        hosts = {urlsplit(url).hostname for url in self.asked if url.startswith(("http", "ws"))}
        return {host for host in hosts if host and host != "127.0.0.1"} - COVER_HOSTS

    def overhang(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(
            self.page.evaluate("(main => main.scrollWidth - main.clientWidth)(document.querySelector('.stMain'))")
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
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate(f"axe.run(document, {{runOnly: {RULES}}})")
        return [
            f"{rule['id']}: {node['target']}"
            for rule in found["violations"]
            for node in rule["nodes"]
            if not self._is_streamlits(rule["id"], node["target"][0])
        ]

    def _is_streamlits(self, rule: str, selector: str) -> bool:
        inside = STREAMLITS_OWN.get(rule)
        return bool(
            inside and self.page.locator(selector).locator(f"xpath=ancestor::*[@data-testid='{inside}']").count()
        )

    def _hear(self, message: "playwright.ConsoleMessage") -> None:
        said = f"{message.text} {message.location.get('url', '')}"
        if message.type == "error" and not any(part in said for part in HARMLESS):
            self.complaints.append(said)


@pytest.mark.parametrize("width", [1366, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", [*PAGES, *ITEMS])
def test_a_page_looks_finished_and_asks_nobody(
    chromium: "playwright.Browser", address: str, path: str, theme: str, width: int
) -> None:
    with Visit(chromium, address, theme, width) as visit:
        visit.open(_with_id(path))

        assert visit.page.locator("[data-testid=stException]").count() == 0
        assert visit.barriers() == []
        assert visit.strangers() == set()
        assert visit.overhang() <= 0
        assert visit.complaints == []
        visit.picture(f"{path or 'overview'}-{width}-{theme}")


@pytest.mark.parametrize(("theme", "width"), [("light", 1366), ("dark", 390)])
@pytest.mark.parametrize("state", [*STATES, "stale"])
def test_an_empty_or_broken_page_looks_finished_as_well(
    chromium: "playwright.Browser",
    address: str,
    in_state: Callable[[str], object],
    state: str,
    theme: str,
    width: int,
) -> None:
    in_state(state)
    for path in STATE_PAGES.get(state, ("", "pipeline")):
        with Visit(chromium, address, theme, width) as visit:
            visit.open(path)

            assert visit.page.locator("[data-testid=stException]").count() == 0
            assert visit.barriers() == []
            assert visit.overhang() <= 0
            assert visit.complaints == []
            visit.picture(f"{path or 'overview'}-{width}-{theme}-{state}")


@pytest.mark.parametrize("width", [1366, 390])
def test_a_cell_of_the_grid_opens_a_drawer_by_mouse_and_by_keyboard(
    chromium: "playwright.Browser", address: str, width: int
) -> None:
    with Visit(chromium, address, width=width) as visit:
        visit.open("pipeline")
        visit.page.locator(".hr-runs button[aria-label$='ingest: failed']").first.click()
        drawer = visit.page.get_by_role("dialog")
        drawer.get_by_text("Spotify answered 503 three times; the next run").wait_for()
        visit.settle()
        assert visit.barriers() == []
        visit.picture(f"drawer-{width}-light")
        assert "cell=" in visit.page.url

        visit.page.keyboard.press("Escape")
        drawer.wait_for(state="detached")
        visit.settle()
        assert "cell=" not in visit.page.url
        visit.page.locator(".hr-runs button[aria-label$='ingest: missing']").first.press("Enter")
        drawer.get_by_text("The ledger has no row of it.").wait_for()
        visit.page.reload()
        drawer.get_by_text("The ledger has no row of it.").wait_for()
        assert visit.complaints == []


def test_a_year_is_saved_as_a_picture(chromium: "playwright.Browser", address: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with Visit(chromium, address) as visit:
        visit.open("year")
        for name, ending in (("Save as picture", "png"), ("As SVG", "svg")):
            with visit.page.expect_download() as download:
                visit.page.get_by_role("button", name=name).click()
            assert download.value.suggested_filename.endswith(f".{ending}")
            download.value.save_as(SCREENSHOTS / f"year.{ending}")
        assert visit.strangers() == set()
        assert visit.complaints == []

    with Image.open(SCREENSHOTS / "year.png") as picture:
        assert picture.size == (year_picture.WIDTH, year_picture.HEIGHT)
        colours = {colour for _, colour in picture.convert("RGB").getcolors(maxcolors=100_000)}
    assert {(255, 255, 255), (0x4F, 0x46, 0xC8), (0x17, 0x1A, 0x21)} <= colours, "paper, bars and ink"


def test_the_place_in_the_history_survives_a_reload(chromium: "playwright.Browser", address: str) -> None:
    with Visit(chromium, address) as visit:
        visit.open("history")
        visit.page.get_by_role("button", name="Older", exact=True).click()
        visit.page.wait_for_url("**/history?before=*")
        visit.settle()
        before = visit.page.locator(".st-key-hr-lead").inner_text()
        visit.page.reload()
        visit.settle()

        assert visit.page.locator(".st-key-hr-lead").inner_text() == before


def test_filters_survive_page_changes_and_a_reload(chromium: "playwright.Browser", address: str) -> None:
    with Visit(chromium, address) as visit:
        visit.open("?period=90+days&by=Plays&zone=Asia%2FTokyo")
        for name in ("Top", "Year", "Pipeline", "When"):
            visit.page.get_by_role("link", name=name, exact=True).click()
            visit.settle()

        assert "period=90+days&by=Plays&zone=Asia%2FTokyo" in visit.page.url
        assert "times in Asia/Tokyo" in _caption(visit)
        before = _caption(visit)
        visit.page.reload()
        visit.settle()
        assert _caption(visit) == before


def test_a_row_leads_to_its_item_and_back_leads_to_the_row(chromium: "playwright.Browser", address: str) -> None:
    with Visit(chromium, address) as visit:
        visit.open("top?period=7+days")
        first = visit.page.locator(".hr-title a").first
        name = first.inner_text()

        first.click()
        visit.page.wait_for_url("**/track?*")
        visit.settle()

        assert visit.page.locator("h1").inner_text() == name
        visit.page.go_back()
        visit.settle()
        assert visit.page.locator("h1").inner_text() == "Top"
        assert "period=7+days" in visit.page.url


def test_a_custom_period_is_chosen_by_two_days(chromium: "playwright.Browser", address: str) -> None:
    with Visit(chromium, address) as visit:
        visit.open("")
        visit.page.get_by_text("Custom", exact=True).click()
        visit.settle()

        assert visit.page.locator("[data-testid=stDateInput]").count() == 1
        assert visit.barriers() == []
        assert visit.page.locator("[data-testid=stException]").count() == 0


def test_the_first_load_is_compressed(chromium: "playwright.Browser", address: str) -> None:
    """At most 1.6 MB; Streamlit alone sends 3.9 MB."""
    received = []
    with Visit(chromium, address) as visit:
        session = visit.page.context.new_cdp_session(visit.page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
        visit.open("")

    assert sum(received) <= 1_600_000


def _caption(visit: Visit) -> str:
    return visit.page.locator("[data-testid=stCaptionContainer]").first.inner_text().split(" · newest")[0]


def _with_id(path: str) -> str:
    if path not in ITEMS:
        return path
    plays = warehouse(datetime.now(UTC).replace(minute=0, second=0, microsecond=0)).tables["plays"]
    return f"{path}?id={plays.loc[plays['listener_id'] == 'listener-one', ITEMS[path]].iloc[-9]}"


def _healthy(address: str, server: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urlopen(f"{address}/_stcore/health", timeout=2):
                return address
        except OSError:
            time.sleep(0.3)
    raise AssertionError("the dashboard did not start")
