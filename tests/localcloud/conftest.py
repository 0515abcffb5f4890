"""Google's services of the laptop cloud in this process, and Google's own clients to judge them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.cloud import storage

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.gcp.control import cloud_routes, fault_routes
from localcloud.gcp.credentials import write_service_account
from localcloud.gcp.dataproc import RunBatch
from localcloud.gcp.google_cloud import GoogleCloud
from localcloud.web import Log, Server, say_nothing

PROJECT = "heavy-rotation-laptop"
BUCKET = "landing"


@dataclass(frozen=True)
class RunningCloud:
    """The services, how to make them misbehave, what time it is, and where they listen."""

    services: GoogleCloud
    faults: Faults
    clock: Clock
    url: str
    directory: Path


StartCloud = Callable[..., AbstractContextManager[RunningCloud]]


@contextmanager
def running_cloud(
    directory: Path, clock: Clock | None = None, run_batch: RunBatch | None = None, log: Log = say_nothing
) -> Iterator[RunningCloud]:
    """Start on a directory; starting again on the same one is a restart."""
    faults, clock = Faults(), clock or Clock()
    services = GoogleCloud(directory, clock, faults, log, run_batch)
    services.routes.extend(fault_routes(faults))
    services.routes.extend(cloud_routes(services))
    server = Server("gcp", services.routes, faults).start()
    try:
        yield RunningCloud(services, faults, clock, server.url, directory)
    finally:
        server.stop()
        services.close()


@pytest.fixture
def start_cloud() -> StartCloud:
    return running_cloud


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningCloud]:
    """A running cloud, with the environment that leads Google's clients to it."""
    with running_cloud(tmp_path) as cloud:
        point_clients_at(cloud, monkeypatch)
        yield cloud


@pytest.fixture
def bucket(google: RunningCloud) -> Iterator[storage.Bucket]:
    with storage.Client() as client:
        yield client.create_bucket(BUCKET)


def point_clients_at(cloud: RunningCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    key_path = cloud.directory / "service-account.json"
    write_service_account(key_path, f"{cloud.url}/token")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_path))
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", cloud.url)
