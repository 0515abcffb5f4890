"""What the tests of the pages share: the app over an invented warehouse, and what it shows."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import pytest
import time_machine
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

import charts
from access import viewer
from tests.dashboard.invented import warehouse
from tests.dashboard.invented.history import gaps_of
from tests.dashboard.invented.warehouse import InventedWarehouse
from warehouse import store

APP = Path(__file__).parents[3] / "dashboard" / "streamlit_app.py"
ENVIRONMENT = {
    "GOOGLE_CLOUD_PROJECT": "invented",
    "DASHBOARD_ACCESS": "laptop",
    "DASHBOARD_LISTENERS": '{"listener-one": {"name": "Ania", "time_zone": "Europe/Berlin"}, '
    '"listener-two": {"name": "Bo", "time_zone": "America/New_York"}}',
}
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
"""The newest full hour for every page under test, whatever the machine's clock says."""
BEGINS = NOW + timedelta(minutes=20)


@lru_cache(3)
def _store_over(warehouse: InventedWarehouse) -> store.Store:
    """As on a server: what one page has read of a warehouse is there for the next, which checks only its version."""
    return store.Store(warehouse, check_seconds=0)


class App:
    """The dashboard over one warehouse, the full one at first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.over(warehouse.warehouse(NOW))
        self.warehouse.queried.clear()
        monkeypatch.setattr(store, "open_store", lambda settings, credentials: self.store)
        self.environment(**ENVIRONMENT)
        sign_in = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
        self.secrets: dict[str, Any] = {"auth": dict.fromkeys(sign_in, "invented" * 4)}

    def environment(self, **variables: str) -> None:
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def over(self, warehouse: InventedWarehouse) -> "App":
        self.warehouse, self.store = warehouse, _store_over(warehouse)
        viewer.opened.cache_clear()
        return self

    def open(self, page: str = "overview", user: dict[str, Any] | None = None, **query: str | list[str]) -> AppTest:
        """A visitor's first run of a page, which ends without an exception, in a browser that is in Los Angeles."""
        app = AppTest.from_file(str(APP), default_timeout=60)
        app.context = {"timezone": "America/Los_Angeles", "theme": "light"}
        if user is not None:
            app.user, app.secrets = user, self.secrets
        for name, value in query.items():
            app.query_params[name] = value
        if page != "overview":
            # What switch_page() does, which finds a page under its address only after a run of the first page.
            app._page_hash = calc_hash(page)
        app.run()
        assert not app.exception, app.exception[0].message
        return app


def text_of(app: AppTest) -> str:
    """Everything the page says."""
    kinds = ("title", "header", "markdown", "caption", "info", "warning", "error", "html", "badge")
    text = [str(element.value) for kind in kinds for element in app.get(kind) if hasattr(element, "value")]
    text += [f"{metric.label} {metric.value} {metric.delta}" for metric in app.metric]
    return "\n".join(text)


def charts_of(app: AppTest) -> list[Any]:
    return [element.proto for element in app.get("vega_lite_chart")]


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    viewer.opened.cache_clear()
    with time_machine.travel(BEGINS, tick=True):
        yield App(monkeypatch)
    viewer.opened.cache_clear()


@pytest.fixture
def private(app: App) -> App:
    viewers = {"ania@example.org": ["listener-one"], "owner@example.org": "*"}
    app.environment(DASHBOARD_ACCESS="oidc", DASHBOARD_VIEWERS=json.dumps(viewers))
    return app


def signed_in(email: str, *, verified: object = True) -> dict[str, object]:
    return {"is_logged_in": True, "email": email, "email_verified": verified}


_drawn: dict[str, AppTest] = {}


@pytest.fixture
def full(app: App, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], AppTest]:
    """Each page over the full warehouse, drawn once per process: for tests that only look at it.

    Its charts are checked against the schema of Vega-Lite, which the app itself does not do.
    """

    def page(name: str) -> AppTest:
        if name not in _drawn:
            with monkeypatch.context() as patch:
                patch.setattr(charts.schemapi, "DEBUG_MODE", True)
                for kind in (alt.TopLevelMixin, alt.Chart):
                    patch.setattr(kind.to_dict, "__defaults__", (True,))
                _drawn[name] = app.open(name)
        return _drawn[name]

    return page


def mine_of(app: App) -> pd.DataFrame:
    """The plays of listener-one."""
    plays = app.warehouse.tables["plays"]
    return plays[plays["listener_id"] == "listener-one"]


def key_of(app: App, column: str) -> str:
    """The track, artist or album that listener-one played last."""
    return str(mine_of(app)[column].iloc[-1])


def failed_cell(app: App) -> str:
    """The newest hour whose ingest failed, as the URL names it."""
    runs = app.warehouse.tables["runs"]
    slot = runs.loc[(runs["step"] == "ingest") & (runs["state"] == "failed"), "slot"].max()
    return f"{slot:%Y-%m-%dT%H}.ingest"


def some(app: App, count: int, *, days_ago: float, track_id: str | None = None, **values: Any) -> pd.DataFrame:
    """So many plays of listener-one, all tracks three minutes long, a second apart, days ago."""
    played_at = pd.Timestamp(NOW - timedelta(days=days_ago)) + pd.to_timedelta(range(count), unit="s")
    of_track = {} if track_id is None else {"track_id": track_id, "isrc": track_id}
    return mine_of(app).head(count).assign(**{"played_at": played_at, "duration_ms": 180_000, **of_track, **values})


def with_plays(app: App, *parts: pd.DataFrame, gaps: pd.DataFrame | None = None) -> App:
    """Only these plays, and neither lists of Spark nor gaps but those given."""
    plays = pd.concat(parts, ignore_index=True).sort_values("played_at", ignore_index=True)
    gaps = (gaps_of() if gaps is None else gaps).assign(listener_id="listener-one", run_id="run", detected_at=NOW)
    return app.over(app.warehouse.with_plays(plays).without("top_tracks").with_table("gaps", gaps))


def per_day(app: App, *days_ago: range) -> list[pd.DataFrame]:
    """An hour of one track on each of these days."""
    return [some(app, 20, days_ago=n, track_id="same") for days in days_ago for n in days]
