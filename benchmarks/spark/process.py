"""One rival in a process of its own, as a batch runs: `python -m benchmarks.spark.process RIVAL DIRECTORY`.

Its last line is what was measured, as JSON. Started by `measure`.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from pyspark.sql import SparkSession

from benchmarks.spark import rivals
from benchmarks.spark.plays import Shape, write_plays
from localcloud.spark.batch import spark_environment
from localcloud.spark.driver import await_jvm
from localcloud.spark.java import QUICK_START, find_java

SPARK_RIVALS = {"listenbrainz": rivals.run_listenbrainz, "ancestor": rivals.run_ancestor, "floor": rivals.run_floor}
SMALL = Shape(listeners=5, plays=20_000, years=2, tracks=2_000)
_MIB = 1 << 20


@dataclass(frozen=True)
class Measured:
    """One run. Spark's session took `start_seconds`, a first run on the plays of SMALL in the new JVM `small_seconds`.

    `seconds` and `cpu_seconds`, of all cores, are net of both.

    `top_ten_seconds` pass until the job's `top_tracks` is written. The rest are Spark's own figures from its event log:
    bytes that its scans of files read, that its shuffles wrote (compressed), and that its tasks wrote to disk because
    they did not fit into memory.
    """

    start_seconds: float
    small_seconds: float
    seconds: float
    cpu_seconds: float
    peak_mib: float
    top_ten_seconds: float | None = None
    read_mib: float | None = None
    shuffled_mib: float | None = None
    spilled_mib: float | None = None


def measure(rival: str, directory: Path, memory_gib: int) -> Measured:
    """Runs `rival`, a name or the file of another version of the job. Raises CalledProcessError when it fails.

    Spark's log is shown only then.
    """
    events = directory / "events"
    events.mkdir()
    properties = {  # partitions as in the cloud's batch
        "spark.sql.shuffle.partitions": "8",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(events / "warehouse"),
        "spark.local.dir": str(directory / "scratch"),
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": events.as_uri(),
    }
    options = ("--driver-memory", f"{memory_gib}g")
    environment = os.environ | spark_environment(find_java(os.environ), QUICK_START, properties, *options)
    command = [sys.executable, "-m", "benchmarks.spark.process", rival, str(directory), str(memory_gib)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)  # noqa: S603 -- ourselves
    if run.returncode:
        print(run.stderr, file=sys.stderr)
        run.check_returncode()
    return Measured(**json.loads(run.stdout.splitlines()[-1]))


def main() -> None:
    rival, directory, memory_gib = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    measured = _duckdb(directory, memory_gib) if rival == "duckdb" else _spark(rival, directory)
    # Of this process, and of the JVM that it started and that has ended: kibibytes, on macOS bytes.
    usage = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    peak_mib = max(usage) / (_MIB if sys.platform == "darwin" else 1024)
    print(json.dumps({**measured, "peak_mib": peak_mib}))


def _duckdb(directory: Path, memory_gib: int) -> dict[str, Any]:
    small_seconds = _small_seconds(directory, lambda small: rivals.run_duckdb(small, memory_gib))
    began, cpu_before = time.perf_counter(), _cpu_seconds()
    rivals.run_duckdb(directory, memory_gib)
    seconds = time.perf_counter() - began
    cpu_seconds = _cpu_seconds() - cpu_before
    return {"start_seconds": 0.0, "small_seconds": small_seconds, "seconds": seconds, "cpu_seconds": cpu_seconds}


def _small_seconds(directory: Path, run: Callable[[Path], None]) -> float:
    """Seconds of a run on the plays of SMALL. It loads and compiles what a household's batch pays for each time."""
    small = directory / "small"
    write_plays(rivals.table(small, "plays"), SMALL)
    began = time.perf_counter()
    run(small)
    return time.perf_counter() - began


def _spark(rival: str, directory: Path) -> dict[str, Any]:
    began = time.perf_counter()
    session = SparkSession.builder.getOrCreate()
    session.range(1).collect()
    start_seconds = time.perf_counter() - began
    is_job = rival not in SPARK_RIVALS
    run = partial(rivals.run_job, session, file=Path(rival)) if is_job else partial(SPARK_RIVALS[rival], session)
    small_seconds = _small_seconds(directory, run)
    session.catalog.clearCache()
    started, started_at, cpu_before = time.perf_counter(), time.time(), _cpu_seconds()
    run(directory)
    figures = {
        "start_seconds": start_seconds,
        "small_seconds": small_seconds,
        "seconds": time.perf_counter() - started,
        "cpu_seconds": _cpu_seconds() - cpu_before,
    }
    session.stop()
    await_jvm()
    written = rivals.table(directory, "top_tracks") / "_SUCCESS"
    if written.exists():
        figures["top_ten_seconds"] = written.stat().st_mtime - started_at
    return figures | _of_events(directory / "events", started_at)


def _cpu_seconds() -> float:
    """Of this process and the JVM that it started, so far."""
    own = psutil.Process()
    return sum(sum(process.cpu_times()[:2]) for process in (own, *own.children(recursive=True)))


def _of_events(events: Path, since: float) -> dict[str, float]:
    """Sums over the tasks that were launched at or after `since`, in seconds since 1970."""
    [log] = [path for path in events.iterdir() if path.is_file()]
    scans: set[int] = set()
    read = shuffled = spilled = 0
    for line in log.open():
        event = json.loads(line)
        if event["Event"] == "SparkListenerStageSubmitted":
            stage = event["Stage Info"]
            if any(rdd["Name"] == "FileScanRDD" for rdd in stage["RDD Info"]):
                scans.add(stage["Stage ID"])
        elif event["Event"] == "SparkListenerTaskEnd" and event["Task Info"]["Launch Time"] >= since * 1000:
            task = event["Task Metrics"]
            read += task["Input Metrics"]["Bytes Read"] if event["Stage ID"] in scans else 0
            shuffled += task["Shuffle Write Metrics"]["Shuffle Bytes Written"]
            spilled += task["Disk Bytes Spilled"]
    return {"read_mib": read / _MIB, "shuffled_mib": shuffled / _MIB, "spilled_mib": spilled / _MIB}


if __name__ == "__main__":
    main()
