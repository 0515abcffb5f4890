"""A heavy household's plays in files of a day, around the real function load and the real Spark job."""

import io
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.csv

from benchmarks.dashboard.plays import plays
from benchmarks.function_process import served_function
from localcloud import ledger
from localcloud.demo.proofs import Check
from localcloud.demo.recount import top_tracks
from localcloud.gcp.eventarc.cloud_events import FINALIZED
from localcloud.gcp.eventarc.eventarc import to_url
from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.processes import Process
from localcloud.spark.batch import run_batch
from tests.dashboard.seed import rows_of

KEY = ["listener_id", "played_at", "track_id"]
_FIRST_DAY = datetime(2025, 11, 24, tzinfo=UTC)
_DAYS_THAT_PLAYS_SPAN = 3653


def household(listeners: int, plays_each: int, days: int) -> pd.DataFrame:
    """Rows of `plays` without run_id and ingested_at: invented decades, run through in so many days."""
    lives = [plays(plays_each, seed).assign(listener_id=f"listener-{seed}") for seed in range(1, listeners + 1)]
    rows = pd.concat(lives, ignore_index=True)
    since = rows["played_at"] - rows["played_at"].dt.floor("D").min()
    played_at = (pd.Timestamp(_FIRST_DAY) + since * (days / _DAYS_THAT_PLAYS_SPAN)).dt.floor("ms")
    return rows.assign(played_at=played_at).drop_duplicates(KEY, ignore_index=True)


@dataclass
class World:
    cloud: LaptopCloud
    load: Process
    directory: Path
    cpu_seconds: list[float] = field(default_factory=list)
    """Processor time that the laptop cloud needed for each file, in the order in which they came."""

    def load_twice(self, rows: pd.DataFrame, seed: int) -> Iterator[int]:
        """Land the plays of each day in two files of two runs, all files in random order; how many are loaded."""
        by_day = [day for _, day in rows.groupby(rows["played_at"].dt.floor("D"))]
        files = [(day, hours) for day in by_day for hours in (24, 25)]
        random.Random(seed).shuffle(files)  # noqa: S311 -- not a secret
        for count, (day, hours) in enumerate(files, start=1):
            midnight = day["played_at"].min().floor("D").to_pydatetime()
            slot = midnight + timedelta(hours=hours)
            content = csv_of(day.assign(run_id=f"{slot:%Y%m%dT%H%M%SZ}", ingested_at=slot))
            began = time.process_time()
            self.land(content, slot)
            self.cpu_seconds.append(time.process_time() - began)
            yield count

    def land(self, content: bytes, slot: datetime) -> None:
        name = f"{slot:plays/%Y/%m/%d/%Y%m%dT%H%M%SZ}.csv"
        self.cloud.storage.write(self.cloud.environment["LANDING_BUCKET"], name, content)
        statuses = [status for _, status in self.cloud.deliver_pending()]
        if any(status != 200 for status in statuses):
            raise RuntimeError(f"load answered {statuses} to {name}; its log is in {self.load.log_path}")

    def compute_top_tracks(self, as_of: datetime) -> None:
        """One batch, as Dataproc would run it."""
        settings = self.cloud.environment
        options = {
            "project": settings["GOOGLE_CLOUD_PROJECT"],
            "dataset": settings["DATASET"],
            "temp-bucket": settings["SPARK_TEMP_BUCKET"],
            "run-id": f"{as_of:%Y%m%dT%H%M%SZ}",
            "slot": as_of.isoformat(),
            "as-of": as_of.isoformat(),
            "computed-at": as_of.isoformat(),
        }
        arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
        batch = {"pysparkBatch": {"mainPythonFileUri": settings["SPARK_JOB_URI"], "args": arguments}}
        log = self.directory / "batch.log"
        if run_batch(batch, log, settings) != 0:
            raise RuntimeError(f"The batch failed: {log.read_text()[-2000:]}")

    def read(self, sql: str) -> list[dict[str, Any]]:
        return ledger.read(self.cloud.environment, sql)


@contextmanager
def world(directory: Path) -> Iterator[World]:
    with LaptopCloud(directory) as cloud, served_function("load", cloud.environment, directory / "logs") as load:
        cloud.subscribe(FINALIZED, to_url(load.url), cloud.environment["LANDING_BUCKET"])
        yield World(cloud, load, directory)


def csv_of(rows: pd.DataFrame) -> bytes:
    """The file as ingest would land it, written by other means: text in quotes, NULL as nothing."""
    target = io.BytesIO()
    pyarrow.csv.write_csv(rows_of("plays", rows), target)
    return target.getvalue()


def checks(world: World, rows: pd.DataFrame) -> Iterator[Check]:
    """Every play once, and the sums of the ledger."""
    keys = [tuple(row.values()) for row in world.read(f"SELECT {', '.join(KEY)} FROM `{{dataset}}.plays`")]  # noqa: S608
    true_keys = set(rows[KEY].itertuples(index=False, name=None))
    yield Check("plays lost", 0, len(true_keys - set(keys)))
    yield Check("plays that are not in the files", 0, len(set(keys) - true_keys))
    yield Check("plays stored twice", 0, len(keys) - len(set(keys)))
    [sums] = world.read(
        "SELECT COUNT(*) AS files, SUM(rows_in) AS rows_in, SUM(rows_new) AS rows_new FROM `{dataset}.runs` "
        "WHERE step = 'load' AND state = 'succeeded'"
    )
    files = 2 * rows["played_at"].dt.floor("D").nunique()
    yield Check("files, plays and new plays in the ledger", (files, 2 * len(rows), len(rows)), tuple(sums.values()))


def top_ten_checks(world: World, rows: pd.DataFrame) -> Iterator[Check]:
    """The Spark job's table against a recount of the plays as they were before any file was written."""
    as_of = rows["played_at"].max().ceil("h").to_pydatetime()
    world.compute_top_tracks(as_of)
    found = [
        {name: value for name, value in row.items() if name not in ("run_id", "computed_at")}
        for row in world.read("SELECT * FROM `{dataset}.top_tracks`")
    ]
    recount = top_tracks(rows.to_dict("records"), as_of)
    yield Check("rows of the top ten", len(recount), len(found))
    yield Check("rows of the top ten that differ from a recount", [], [row for row in recount if row not in found])
