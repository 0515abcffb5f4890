"""What the tests of the store share: a store over the laptop cloud's BigQuery, and rows of `plays` and `gaps`."""

from collections.abc import Iterator
from typing import Any

import pytest

from localcloud import ledger
from localcloud.gcp.laptop_cloud import LaptopCloud
from settings import Settings
from tests.dashboard.invented.history import at
from warehouse import store as warehouse_store
from warehouse.store import Store

GAP = {
    "listener_id": "ania",
    "gap_start": at("2026-11-22 10:00"),
    "gap_end": at("2026-11-22 10:00"),
    "run_id": "x",
    "detected_at": at("2026-11-22 10:00"),
}
RUN = {"run_id": "20261122T100000Z", "ingested_at": at("2026-11-22 10:00")}


def row(when: str, track_id: str, listener_id: str = "ania", **values: Any) -> dict[str, Any]:
    """A row of `plays`."""
    usual = {"track_name": f"Song {track_id}", "artist_id": "ada", "artist_name": "Ada", "artist_names": "Ada"}
    return {
        **usual,
        "duration_ms": 180_000,
        "source": "api",
        **RUN,
        "listener_id": listener_id,
        "played_at": at(when),
        "track_id": track_id,
        **values,
    }


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LaptopCloud]:
    with LaptopCloud(tmp_path_factory.mktemp("cloud")) as cloud, pytest.MonkeyPatch.context() as environment:
        for name, value in cloud.environment.items():
            environment.setenv(name, value)
        yield cloud


@pytest.fixture
def cloud(laptop: LaptopCloud) -> Iterator[LaptopCloud]:
    """The laptop cloud with empty tables and nothing wrong with it."""
    client = ledger.warehouse(laptop.environment)
    for table in ("catalogue", "plays", "gaps", "runs", "top_tracks", "tracks"):
        client.query_and_wait(f"DELETE FROM {laptop.environment['DATASET']}.{table} WHERE TRUE")
    laptop.faults.clear()
    yield laptop
    laptop.faults.clear()


@pytest.fixture
def store(cloud: LaptopCloud) -> Store:
    """Looks for a new version every time it is asked."""
    return open_store(cloud)


def open_store(cloud: LaptopCloud, check_seconds: float = 0, **changes: str) -> Store:
    settings = Settings.from_env({**cloud.environment, "DASHBOARD_ACCESS": "laptop", **changes})
    return Store(warehouse_store.open_warehouse(settings, retry_seconds=0.2), check_seconds)
