"""Whatever the warehouse's columns can hold, every page is drawn, and no chart has more marks than a screen shows."""

import math
import random
import resource
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from analysis import in_bounds
from localcloud.gcp.laptop_cloud import LaptopCloud
from settings import Settings
from tests.dashboard.invented.warehouse import warehouse as invented
from tests.dashboard.page_names import HIDDEN, PAGES
from tests.dashboard.pages.app import ENVIRONMENT, NOW, App, charts_of
from tests.seed import schema_of, seed, table_file
from warehouse.store import Warehouse, open_warehouse

ADA, BO = "listener-one", "listener-two"
WITH_CHARTS = ("overview", "when", "discoveries", "sound", "year", "together", "track")
MARKS = 600
"""New and known artists in each month from 2006 to 2026 are 502, a mood map 400 circles, a year 366 days."""
MEMORY_BYTES = 2**30
"""What Cloud Run gives to the dashboard, as room beside the tests' own memory."""
ANY = {
    "STRING": ["", "\0", "1.5", "9e9", "inf", "0000", "0001-01-01", "9999-12-31", "1984-05", "a\nb c", "😀", "x" * 999],
    "INTEGER": [-(2**63), -5_000, -1, 0, 1, 30_000, 200_000, 2**31 - 1, 2**31, 2**63 - 1],
    "FLOAT": [-math.inf, -1e308, -3.0, 0.0, 5e-324, 0.5, 1.0, 250.0, 2e7, 1e12, 1e308, math.inf, math.nan],
    "BOOLEAN": [True, False],
    "TIMESTAMP": [
        datetime.min.replace(tzinfo=UTC),
        datetime(1899, 12, 31, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        in_bounds.EARLIEST - timedelta(milliseconds=1),
        in_bounds.EARLIEST,
        datetime(2038, 1, 19, tzinfo=UTC),
        datetime(2262, 4, 12, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    ],
}


def drawn(table: str, count: int, **own: Any) -> pa.Table:
    """Rows whose columns hold anything of their types; `own`: columns made from the row's number."""
    dice = random.Random(table)
    columns = table_file(table)["columns"]

    def value(column: dict[str, str], number: int) -> Any:
        if column["name"] in own:
            return own[column["name"]](number)
        if column["mode"] == "NULLABLE" and dice.random() < 0.1:
            return None
        return dice.choice(ANY[column["type"]])

    rows = [[value(column, number) for column in columns] for number in range(count)]
    names = [column["name"] for column in columns]
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=schema_of(table))


def at_an_hour(number: int) -> datetime:
    """Every other play at a time that can be, so that there is something to draw."""
    any_time: list[datetime] = ANY["TIMESTAMP"]
    return NOW - timedelta(hours=number) if number % 2 else any_time[number // 2 % len(any_time)]


@pytest.fixture(scope="module")
def anything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse in which any value stands in any column, beside an ordinary ledger."""
    with LaptopCloud(tmp_path_factory.mktemp("cloud")) as cloud, pytest.MonkeyPatch.context() as environment:
        for name, value in (ENVIRONMENT | cloud.environment).items():
            environment.setenv(name, value)
        ids = {"listener_id": lambda number: ADA, "track_id": lambda number: f"t{number % 150}"}
        of_another = {**ids, "listener_id": lambda number: BO}
        sources = {
            "source": lambda number: ("api", "export", "api", "a\nb")[number // 2 % 4],
            "reason_end": lambda number: ("trackdone", "fwdbtn", "a\nb", "", None)[number // 2 % 5],
        }
        seed(cloud, "plays", drawn("plays", 600, played_at=at_an_hour, **ids, **sources))
        seed(cloud, "plays", drawn("plays", 200, played_at=at_an_hour, **of_another, **sources))
        tracks = {"listener_id": lambda number: ADA, "track_id": lambda number: f"t{number}"}
        seed(cloud, "tracks", drawn("tracks", 100, **tracks))
        period = {
            "period": lambda number: ("last_7_days", "last_28_days", "last_365_days", "all_time", "x")[number % 5]
        }
        seed(cloud, "top_tracks", drawn("top_tracks", 200, **ids, **period))
        seed(cloud, "top_tracks", drawn("top_tracks", 5, **of_another, **period))
        seed(cloud, "gaps", drawn("gaps", 40, listener_id=lambda number: ADA))
        runs = invented(NOW).tables["runs"].drop(columns="details")
        seed(cloud, "runs", runs)
        yield open_warehouse(Settings.from_env({**ENVIRONMENT, **cloud.environment}))


@pytest.fixture
def memory_limit() -> Iterator[None]:
    """A chart of a billion bins ends in MemoryError, not in the machine."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.parametrize("page", [*PAGES, *HIDDEN])
def test_every_page_is_drawn_in_bounded_memory_whatever_is_stored(
    app: App, anything: Warehouse, memory_limit: None, page: str
) -> None:
    drawn_page = app.over(anything).open(page, listener=ADA, period="All time", id="t1")

    assert not drawn_page.error, drawn_page.error[0].value
    assert charts_of(drawn_page) or page not in WITH_CHARTS
    for chart in charts_of(drawn_page):
        for dataset in chart.datasets:
            assert pa.ipc.open_stream(dataset.data.data).read_all().num_rows <= MARKS


def test_the_values_that_a_page_counts_are_within_the_bounds_of_the_table_file() -> None:
    bounds = table_file("plays")["bounds"]
    assert bounds["played_at"]["minimum"] == f"{in_bounds.EARLIEST:%Y-%m-%dT%H:%M:%SZ}"
    assert bounds["album_release_date"]["pattern"] == in_bounds.RELEASE_DATE
    assert (bounds["ms_played"]["minimum"], bounds["ms_played"]["maximum"]) == (0, in_bounds.LONGEST_HEARD_MS)
    read = {name: bound for name, bound in bounds.items() if name in schema_of("tracks").names and "maximum" in bound}
    assert {name: (bound["minimum"], bound["maximum"]) for name, bound in read.items()} == in_bounds.RANGES
