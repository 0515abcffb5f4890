"""Opens every page of the dashboard over a running laptop cloud and reports those that show an error.

With a Chromium, each page is opened in it and comes over HTTP from the dashboard's own server. Without one, the pages
run in Streamlit's AppTest, which draws nothing.
"""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from localcloud import dashboard, ledger
from localcloud.gcp.set_up import ROOT
from localcloud.supervisor import RunningCloud

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGES = sorted(path.stem.removesuffix("_page") for path in (dashboard.DASHBOARD / "app_pages").glob("*_page.py"))
_FIRST_PAGE = "overview"
_PAGE_SECONDS = 60
_QUIET = '[data-testid="stApp"][data-test-script-state="notRunning"]'
_ERRORS = '[data-testid="stException"], [data-testid="stAlertContentError"]'
_LISTENER = "listener-one"


@dataclass(frozen=True)
class Opened:
    """One page: how long it took, and what is wrong with it."""

    page: str
    seconds: float
    fault: str | None


def open_pages(laptop: RunningCloud, browser: str | None) -> Iterator[Opened]:
    """Each page in turn, in this browser or, if None, in AppTest."""
    queries = {page: {"listener": _LISTENER} for page in PAGES}
    sql = "SELECT * FROM `{dataset}.plays` WHERE listener_id = @listener ORDER BY played_at DESC LIMIT 1"
    for newest in ledger.read(laptop.settings, sql, listener=_LISTENER):
        for page in queries.keys() & {"track", "artist", "album"}:
            queries[page]["id"] = newest[f"{page}_id"]
    return _open_in_app_test(laptop, queries) if browser is None else _open_in_browser(laptop, queries, browser)


def _open_in_browser(laptop: RunningCloud, queries: dict[str, dict[str, str]], browser: str) -> Iterator[Opened]:
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as driver:
        try:
            chromium = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        except Error as error:
            yield Opened("all of them", 0.0, f"{browser} does not start: {str(error).partition(chr(10))[0]}")
            return
        tab = chromium.new_page()
        tab.route("https://**", lambda route: route.abort())  # covers: nothing leaves the laptop
        with dashboard.serving(laptop) as server:
            for page, query in queries.items():
                began = time.perf_counter()
                path = "" if page == _FIRST_PAGE else page
                fault = _fault_in_tab(tab, f"{server.url}/{path}?{urlencode(query)}")
                yield Opened(page, time.perf_counter() - began, fault)
        chromium.close()


def _fault_in_tab(tab: "Page", address: str) -> str | None:
    from playwright.sync_api import Error

    try:
        tab.goto(address, timeout=_PAGE_SECONDS * 1000)
        tab.wait_for_selector("h1", timeout=_PAGE_SECONDS * 1000)
        tab.wait_for_selector(_QUIET, timeout=_PAGE_SECONDS * 1000)
        errors = tab.locator(_ERRORS).all_inner_texts()
    except Error as error:
        return str(error).partition("\n")[0]
    return " ".join(" / ".join(errors).split()) or None


def _open_in_app_test(laptop: RunningCloud, queries: dict[str, dict[str, str]]) -> Iterator[Opened]:
    """In a process of its own, because the dashboard's modules are found in its folder and read their environment."""
    command = [sys.executable, "-m", "localcloud.demo.pages", json.dumps(queries)]
    more = {
        "PYTHONPATH": f"{ROOT}:{dashboard.DASHBOARD}",
        "STREAMLIT_CLIENT_SHOW_ERROR_DETAILS": "full",  # there is no log of this process
    }
    done = subprocess.run(  # noqa: S603 -- our own command
        command,
        cwd=dashboard.DASHBOARD,
        env={**os.environ, **dashboard.environment(laptop), **more},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        yield Opened("all of them", 0.0, (done.stderr.strip().splitlines() or ["AppTest ended without a word"])[-1])
    for line in done.stdout.splitlines():
        yield Opened(**json.loads(line))


def main() -> None:
    """`python -m localcloud.demo.pages '{"top": {}, …}'` in the dashboard's folder: a line of JSON for each page."""
    logging.disable(logging.WARNING)  # every run without a server is warned about
    for page, query in json.loads(sys.argv[1]).items():
        began = time.perf_counter()
        fault = fault_of(page, query)
        print(json.dumps({"page": page, "seconds": time.perf_counter() - began, "fault": fault}), flush=True)


def fault_of(page: str, query: Mapping[str, str]) -> str | None:
    """What the page shows as an error."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(Path("streamlit_app.py").resolve()), default_timeout=_PAGE_SECONDS)
    for name, value in query.items():
        app.query_params[name] = value
    app.run().switch_page(f"app_pages/{page}_page.py").run()
    shown = [f"{error.proto.type}: {error.message}" for error in app.exception] + [
        str(error.value) for error in app.error
    ]
    return " / ".join(shown) or None


if __name__ == "__main__":
    main()
