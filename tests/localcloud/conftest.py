"""Google's services of the laptop cloud in this process, and Google's own clients to judge them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage

from localcloud.gcp.laptop_cloud import LaptopCloud

BUCKET = "landing"


@contextmanager
def running_cloud(directory: Path, **how: Any) -> Iterator[LaptopCloud]:
    """Start on a directory, without any resource; starting again on the same one is a restart."""
    cloud = LaptopCloud(directory, forgetful=True, **how)
    cloud.server.start()
    try:
        yield cloud
    finally:
        cloud.server.stop()
        cloud.close()


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LaptopCloud]:
    """A running cloud, with the environment that leads Google's clients to it."""
    with running_cloud(tmp_path) as cloud:
        point_clients_at(cloud, monkeypatch)
        yield cloud


@pytest.fixture
def bucket(google: LaptopCloud) -> Iterator[storage.Bucket]:
    with storage.Client() as client:
        yield client.create_bucket(BUCKET)


def point_clients_at(cloud: LaptopCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
