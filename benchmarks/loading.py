"""The real function load beside a laptop cloud, and files that reach it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.function_process import served_function
from localcloud import ledger
from localcloud.gcp.eventarc.cloud_events import FINALIZED
from localcloud.gcp.eventarc.eventarc import to_url
from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.processes import Process


@dataclass
class World:
    cloud: LaptopCloud
    load: Process

    def land(self, content: bytes, slot: datetime) -> None:
        name = f"{slot:plays/%Y/%m/%d/%Y%m%dT%H%M%SZ}.csv"
        self.cloud.storage.write(self.cloud.environment["LANDING_BUCKET"], name, content)
        self.deliver()

    def deliver(self) -> None:
        """Every file that has landed goes through load."""
        statuses = [status for _, status in self.cloud.deliver_pending()]
        if any(status != 200 for status in statuses):
            raise RuntimeError(f"load answered {statuses}; its log is in {self.load.log_path}")

    def read(self, sql: str) -> list[dict[str, Any]]:
        return ledger.read(self.cloud.environment, sql)


@contextmanager
def world(directory: Path) -> Iterator[World]:
    with LaptopCloud(directory) as cloud, served_function("load", cloud.environment, directory / "logs") as load:
        cloud.subscribe(FINALIZED, to_url(load.url), cloud.environment["LANDING_BUCKET"])
        yield World(cloud, load)
