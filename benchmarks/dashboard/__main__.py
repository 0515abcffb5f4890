"""Figures of the dashboard with ten years of a heavy listener, each as a ratio to what it is held against.

Question: does a page stay under its limits with 115,000 invented plays of ten years, and with two such listeners?

Megabytes BigQuery bills (worked out from the sizes its documentation gives), seconds of the first load, seconds of
Python per page and redraw, and bytes the first visit sends to a browser (needs Chromium). A ratio above 1 to a limit
is OVER; a rival is another way to the same end, measured in the same run.
"""

import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from benchmarks.dashboard.billed import EVERY_COLUMN, billed_megabytes
from benchmarks.dashboard.plays import listed, plays
from benchmarks.dashboard.sent import sent_bytes, served_dashboard
from benchmarks.figures import against_limit, against_rival, introduce, options_of, spread
from localcloud import chromium, ledger
from localcloud.dashboard import DASHBOARD
from localcloud.gcp.laptop_cloud import LaptopCloud
from tests.dashboard.page_names import ITEMS, PAGES
from tests.seed import seed

PERIODS = ("28 days", "12 months", "All time")
LISTENER = "listener-one"
TWO = {"with": [LISTENER, "listener-two"]}
LISTENERS = 5
"""As many as Spotify allows an app in development mode."""

WITHOUT_CHARTS = ("top", "history")
REDRAW_LIMIT_SECONDS = 0.3
FIRST_LOAD_LIMIT_SECONDS = 1.5
BYTES_LIMIT = 1_600_000
BILLED_LIMIT_MEGABYTES = 30
_FIRST_LOADS = 3


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 measured (whatever the figures), 2 wrong usage."""
    parser = options_of("dashboard", __doc__)
    parser.add_argument("--only", nargs="+", choices=MEASURED, metavar="WHAT", help=f"of {', '.join(MEASURED)} (all)")
    parser.add_argument("--plays", type=int, default=115_000, help="how many plays the listener has (%(default)s)")
    parser.add_argument("--redraws", type=int, default=5, help="how often each page is drawn again (%(default)s)")
    options = parser.parse_args(arguments)
    introduce(__doc__)
    # Streamlit and google-auth warn, on every run, of what is meant to be so here.
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as directory, LaptopCloud(Path(directory)) as cloud:
        os.environ.update({**cloud.environment, "DASHBOARD_ACCESS": "laptop"})
        sys.path.insert(0, str(DASHBOARD))
        rows = up_to_now(plays(options.plays))
        seed(cloud, "plays", rows)
        seed(cloud, "tracks", listed(rows[rows["played_at"] < a_day_ago(rows)]))
        seed(cloud, "runs", invented_runs())
        print(f"{len(rows):,} plays of {rows['track_id'].nunique():,} tracks", flush=True)
        has_other = False
        for name in options.only or MEASURED:
            if name in ("redraws", "sent") and not has_other:
                seed(cloud, "plays", of_another_listener(rows))
                has_other = True
            MEASURED[name](rows, options.redraws)
    return 0


def up_to_now(rows: pd.DataFrame) -> pd.DataFrame:
    """The same plays moved so that the newest was an hour ago."""
    moved = rows["played_at"] + (pd.Timestamp.now("UTC").floor("h") - pd.Timedelta(hours=1) - rows["played_at"].max())
    return rows.assign(played_at=moved, run_id="20261122T100000Z", ingested_at=datetime.now(UTC))


def of_another_listener(rows: pd.DataFrame) -> pd.DataFrame:
    """As many plays of the same tracks, for the page Together: all of it is shared, which is the most work."""
    return rows.assign(listener_id="listener-two", played_at=rows["played_at"] - pd.Timedelta(minutes=7))


def a_day_ago(rows: pd.DataFrame) -> pd.Timestamp:
    """As of when the newest batch listed the tracks: one batch a day is what Terraform sets."""
    return rows["played_at"].max() - pd.Timedelta(days=1)


def first_load_megabytes(rows: pd.DataFrame, listeners: int = 1) -> int:
    """What a server reads when it shows a listener for the first time."""
    is_new = rows["played_at"] >= a_day_ago(rows)
    parts = {"plays": rows, "tracks": listed(rows[~is_new]), "tracks_since": rows[is_new]}
    return sum(billed_megabytes(query, read, listeners) for query, read in parts.items())


def later_load_megabytes(rows: pd.DataFrame) -> int:
    """What it reads when the listener has played something since."""
    new = rows[rows["played_at"] >= a_day_ago(rows)]
    return billed_megabytes("plays", rows) + billed_megabytes("tracks_since", new)


def unlisted_megabytes(rows: pd.DataFrame) -> int:
    """What it would read of a listener whose tracks no batch has listed yet."""
    return sum(billed_megabytes(query, rows) for query in ("plays", "tracks_since")) + billed_megabytes(
        "tracks", rows.head(0)
    )


def invented_runs() -> list[dict[str, Any]]:
    """A fortnight of runs in which every step did its work, for three listeners: what chooses one is sent, too."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    one = {"state": "collected", "fetched": 50, "new": 3}
    outcomes = {LISTENER: one, "listener-two": one, "listener-three": one}
    details = json.dumps({"listeners": outcomes})
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


def measure_billed(rows: pd.DataFrame, redraws: int) -> None:
    """One listener's version of the data, and the ledger's; `top_tracks` and `gaps` are listed, which is free."""
    first, later = first_load_megabytes(rows), later_load_megabytes(rows)
    print("\nBigQuery bills for one listener, alone in the tables:")
    against_limit("first load", first, BILLED_LIMIT_MEGABYTES, "MB")
    against_limit("every later version", later, BILLED_LIMIT_MEGABYTES, "MB")
    against_rival("first load", first, "tracks that no batch has listed", unlisted_megabytes(rows), "MB")
    against_rival("first load", first, "every column of plays", billed_megabytes(EVERY_COLUMN, rows), "MB")
    ledger = billed_megabytes("runs", pd.DataFrame(invented_runs()))
    print("And for every version of the ledger, once for all listeners, as each page says how the pipeline stands:")
    against_limit("runs of the last fortnight", ledger, BILLED_LIMIT_MEGABYTES, "MB")
    against_limit("with a later version of the plays", ledger + later, BILLED_LIMIT_MEGABYTES, "MB")
    print(f"With {LISTENERS} such listeners, as BigQuery reads a day's partition whole:")
    from settings import Settings

    limit = round(Settings.maximum_bytes_billed / 2**20)
    against_limit("first load of one of them", first_load_megabytes(rows, LISTENERS), limit, "MB")
    against_limit("download of everything", billed_megabytes(EVERY_COLUMN, rows, LISTENERS), limit, "MB")


def measure_first_load(rows: pd.DataFrame, redraws: int) -> None:
    from settings import Settings
    from warehouse import store as warehouse_store

    stores = [warehouse_store.open_store(Settings.from_env(os.environ)) for _ in range(_FIRST_LOADS)]
    columns = "track_id, played_at, ms_played, source, context_type"
    sql = f"SELECT {columns} FROM `{{dataset}}.plays` WHERE listener_id = @listener"  # noqa: S608 -- our own names
    print(f"\nFirst load from the laptop's BigQuery, median of {len(stores)} (least to most):")
    of_rounds: list[tuple[float, float]] = []
    for store in stores:
        began = time.perf_counter()
        store.history(LISTENER).value.local("Europe/Berlin")
        loaded = time.perf_counter()
        pd.DataFrame(ledger.read(os.environ, sql, listener=LISTENER))
        of_rounds.append((loaded - began, time.perf_counter() - loaded))
    ours, rival = zip(*of_rounds, strict=True)
    name, seconds = "plays and tracks, ready to count", statistics.median(ours)
    against_limit(name, seconds, FIRST_LOAD_LIMIT_SECONDS, "s", spread(ours, digits=2))
    against_rival(name, seconds, "the plays alone, a row each", statistics.median(rival), "s")


def measure_redraws(rows: pd.DataFrame, redraws: int) -> None:
    print(f"\nPython per redraw, median of {redraws} (slowest in brackets):")
    for page in PAGES:
        for period in PERIODS:
            query = TWO if page == "together" else {}
            print_redraw(f"{page}, {period}", redraw_seconds(page, redraws, period=period, **query))
    for page, column in ITEMS.items():
        print_redraw(f"{page}, the most played", redraw_seconds(page, redraws, id=str(rows[column].mode()[0])))


def print_redraw(name: str, seconds: list[float]) -> None:
    against_limit(name, statistics.median(seconds), REDRAW_LIMIT_SECONDS, "s", f"({max(seconds):.2f})")


def redraw_seconds(page: str, redraws: int, **query: str | list[str]) -> list[float]:
    """Processor time of this process, so that a busy laptop counts less."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(DASHBOARD / "streamlit_app.py"), default_timeout=120)
    for name, value in query.items():
        app.query_params[name] = value
    app.run().switch_page(f"app_pages/{page}_page.py").run()
    if app.exception:
        raise RuntimeError(f"{page} raised {app.exception[0].message}")
    if page in (*ITEMS, "together") and not app.metric:
        raise RuntimeError(f"{page} has nothing to show")
    seconds = []
    for _ in range(redraws):
        started = time.process_time()
        app.run()
        seconds.append(time.process_time() - started)
    return seconds


def measure_sent(rows: pd.DataFrame, redraws: int) -> None:
    from streamlit.file_util import get_static_dir

    from precompressed import compress

    browser = chromium.find()
    if browser is None:
        print("\nBytes sent: not measured, there is no Chromium (python -m localcloud.chromium)")
        return
    print("\nSent to the browser on the first visit:")
    compress(Path(get_static_dir()))  # as in the image; from now on this checkout's dashboard serves the copies, too
    with served_dashboard("server.py") as port, served_dashboard("streamlit_app.py") as plain:
        for page in PAGES:
            path, has_charts = page.replace("overview", ""), page not in WITHOUT_CHARTS
            path += f"?{urlencode(TWO, doseq=True)}" if page == "together" else ""
            sent = sent_bytes(browser, port, path, has_charts=has_charts)
            against_limit(page, sent, BYTES_LIMIT, "bytes")
            if page in ("overview", "pipeline"):
                rival = sent_bytes(browser, plain, path, has_charts=has_charts)
                against_rival(page, sent, "Streamlit's own server", rival, "bytes")


MEASURED: Mapping[str, Callable[[pd.DataFrame, int], None]] = {
    "billed": measure_billed,
    "first-load": measure_first_load,
    "redraws": measure_redraws,
    "sent": measure_sent,
}


if __name__ == "__main__":
    sys.exit(main())
