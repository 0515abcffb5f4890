"""Figures of the dashboard with ten years of a heavy listener: `python -m benchmarks.dashboard`.

Prints, against the limits it was built for: seconds of Python per page and redraw, seconds of the first load, bytes the
first visit sends to a browser (needs requirements/browser.txt and Chromium), megabytes BigQuery bills.
"""

import logging
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.dashboard_bytes import as_exported, billed_megabytes
from benchmarks.dashboard_plays import plays
from localcloud.in_process import LaptopCloud
from tests.dashboard.seeding import seed

DASHBOARD = Path(__file__).parent.parent / "dashboard"
PAGES = ("overview", "top", "when", "discoveries", "sound", "year", "history", "pipeline")
PERIODS = ("28 days", "12 months", "All time")
REDRAWS = 5
LISTENER = "listener-one"

REDRAW_LIMIT_SECONDS = 0.3
BYTES_LIMIT = 1_600_000
BILLED_LIMIT_MEGABYTES = 30


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, LaptopCloud(Path(directory)) as cloud:
        os.environ.update({**cloud.environment, "DASHBOARD_ACCESS": "laptop"})
        sys.path.insert(0, str(DASHBOARD))
        rows = up_to_now(plays())
        seed(cloud, "plays", rows)
        seed(cloud, "runs", invented_runs())
        print(f"{len(rows):,} plays of {rows['track_id'].nunique():,} tracks\n")
        print_billed(rows)
        print_first_load()
        print_redraws()
        print_sent()


def up_to_now(rows: pd.DataFrame) -> pd.DataFrame:
    """The same plays moved so that the newest was an hour ago."""
    moved = rows["played_at"] + (pd.Timestamp.now("UTC").floor("h") - pd.Timedelta(hours=1) - rows["played_at"].max())
    return rows.assign(played_at=moved, run_id="20261122T100000Z", ingested_at=datetime.now(UTC))


def invented_runs() -> list[dict[str, Any]]:
    """A fortnight of runs in which every step did its work."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    details = '{"listeners": {"listener-one": {"state": "collected", "fetched": 50, "new": 3}}}'
    return [
        {
            "run_id": f"{slot:%Y%m%dT%H%M%SZ}",
            "slot": slot,
            "step": step,
            "state": "succeeded",
            "started_at": slot,
            "finished_at": slot + timedelta(seconds=30),
            "rows_new": 3,
            "details": details if step == "ingest" else None,
        }
        for slot in (now - timedelta(hours=n) for n in range(14 * 24))
        for step in ("ingest", "load", "transform", "top_tracks")
    ]


def print_billed(rows: pd.DataFrame) -> None:
    newest = rows["played_at"].max()
    mixed = as_exported(rows, newest - pd.Timedelta(days=365))
    hour = rows[rows["played_at"] > newest - pd.Timedelta(days=1)]
    first = {
        name: billed_megabytes("plays", told) + billed_megabytes("tracks", told)
        for name, told in (("a", mixed), ("b", rows))
    }
    later = billed_megabytes("plays", rows) + billed_megabytes("tracks", hour)
    print("BigQuery, a listener's version of the data (tops and gaps are listed, which is free):")
    print_row("first load, nine years from an export", first["a"], BILLED_LIMIT_MEGABYTES, "MB")
    print_row("first load, all ten years from the API", first["b"], BILLED_LIMIT_MEGABYTES, "MB")
    print_row("every later version", later, BILLED_LIMIT_MEGABYTES, "MB")


def print_first_load() -> None:
    import data
    from dashboard_settings import Settings

    store = data.open_store(Settings.from_env(os.environ))
    started = time.perf_counter()
    store.history(LISTENER).value.local("Europe/Berlin")
    print(f"\nfirst load of all plays from the laptop BigQuery: {time.perf_counter() - started:.2f} s\n")


def print_redraws() -> None:
    print(f"Python per redraw, median of {REDRAWS} (slowest in brackets):")
    for page in PAGES:
        for period in PERIODS:
            seconds = redraws(page, period)
            print_row(
                f"{page}, {period}", statistics.median(seconds), REDRAW_LIMIT_SECONDS, "s", f"({max(seconds):.2f})"
            )


def redraws(page: str, period: str) -> list[float]:
    """Processor time of this process, so that a busy laptop does not count."""
    from streamlit.testing.v1 import AppTest

    logging.getLogger("streamlit").setLevel(logging.ERROR)  # every run without a server warns about it
    app = AppTest.from_file(str(DASHBOARD / "streamlit_app.py"), default_timeout=60)
    app.query_params["period"] = period
    app.run().switch_page(f"app_pages/{page}_page.py").run()
    if app.exception:
        raise RuntimeError(f"{page} raised {app.exception[0].message}")
    seconds = []
    for _ in range(REDRAWS):
        started = time.process_time()
        app.run()
        seconds.append(time.process_time() - started)
    return seconds


def print_sent() -> None:
    browser = shutil.which("chromium")
    if browser is None or find_spec("playwright") is None:
        print("\nbytes sent: not measured, Chromium or Playwright is not installed")
        return
    with served() as address:
        print("\nSent to the browser on the first visit, compressed:")
        for page in ("", "pipeline"):
            print_row(page or "overview", sent_bytes(browser, f"{address}/{page}"), BYTES_LIMIT, "bytes")


def sent_bytes(browser: str, address: str) -> int:
    """Files as they came over the wire, and what came through the WebSocket; covers come from elsewhere."""
    from playwright.sync_api import sync_playwright

    total = 0

    def add_file(event: dict[str, Any]) -> None:
        nonlocal total
        total += int(event["encodedDataLength"])

    def add_frame(event: dict[str, Any]) -> None:
        nonlocal total
        # The payload of a binary frame comes as base 64.
        total += len(event["response"]["payloadData"]) * 3 // 4

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
        page.wait_for_load_state("networkidle")
        chromium.close()
    return total


@contextmanager
def served() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "server.py",
        f"--server.port={port}",
        "--server.address=127.0.0.1",
    ]
    server = subprocess.Popen(command, cwd=DASHBOARD, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 -- our own command
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(f"{address}/api/ready")
        yield address
    finally:
        server.terminate()
        server.wait()


def wait_until_ready(address: str) -> None:
    for _ in range(120):
        try:
            urllib.request.urlopen(address, timeout=2).close()  # noqa: S310 -- our own address
            return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError("the dashboard did not start")


def print_row(name: str, value: float, limit: float, unit: str, more: str = "") -> None:
    shown = f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"
    print(f"  {name:42} {shown:>12} {unit:5} limit {limit:>11,}  {'ok' if value <= limit else 'OVER'} {more}")


if __name__ == "__main__":
    main()
