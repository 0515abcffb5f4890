"""One rival in a process of its own, as a batch runs: `python -m benchmarks.spark.process RIVAL DIRECTORY`.

Its last line is what was measured, as JSON. Started by `measure`.
"""

import json
import os
import resource
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from pyspark import SparkContext
from pyspark.sql import SparkSession

from benchmarks.spark import rivals
from localcloud.spark.java import SPARK_HOME, find_java

SPARK_RIVALS = {"listenbrainz": rivals.run_listenbrainz, "ancestor": rivals.run_ancestor}
_MIB = 1 << 20


@dataclass(frozen=True)
class Measured:
    """One run. Spark's session took `start_seconds`; `seconds` and `cpu_seconds`, of all cores, are net of that.

    `top_ten_seconds` pass until the job's `top_tracks` is written. The rest are Spark's own figures from its event log:
    bytes that its scans of files read, that its shuffles wrote (compressed), and that its tasks wrote to disk because
    they did not fit into memory.
    """

    start_seconds: float
    seconds: float
    cpu_seconds: float
    peak_mib: float
    top_ten_seconds: float | None = None
    read_mib: float | None = None
    shuffled_mib: float | None = None
    spilled_mib: float | None = None


def measure(rival: str, directory: Path, memory_gib: int) -> Measured:
    """Runs `rival`, a name or the file of another version of the job. Raises CalledProcessError when it fails."""
    environment = {**os.environ, **_spark_environment(directory / "events", memory_gib), "TZ": "UTC"}
    command = [sys.executable, "-m", "benchmarks.spark.process", rival, str(directory), str(memory_gib)]
    run = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 -- ourselves
    return Measured(**json.loads(run.stdout.splitlines()[-1]))


def _spark_environment(events: Path, memory_gib: int) -> dict[str, str]:
    """Two cores; eight partitions and adaptive execution as the batch has them in the cloud."""
    events.mkdir()
    properties = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "8",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(events / "warehouse"),
        "spark.local.dir": str(events.parent / "scratch"),
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": events.as_uri(),
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    }
    submit = ["--master", "local[2]", "--driver-memory", f"{memory_gib}g"]
    submit += [part for key, value in properties.items() for part in ("--conf", f"{key}={value}")]
    return {
        "JAVA_HOME": str(find_java(os.environ).home),
        "SPARK_HOME": str(SPARK_HOME),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": shlex.join([*submit, "pyspark-shell"]),
    }


def main() -> None:
    rival, directory, memory_gib = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    measured = _duckdb(directory, memory_gib) if rival == "duckdb" else _spark(rival, directory)
    # Of this process, and of the JVM that it started and that has ended: kibibytes, on macOS bytes.
    usage = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    peak_mib = max(usage) / (_MIB if sys.platform == "darwin" else 1024)
    print(json.dumps({**measured, "peak_mib": peak_mib}))


def _duckdb(directory: Path, memory_gib: int) -> dict[str, Any]:
    began, cpu_before = time.perf_counter(), _cpu_seconds()
    rivals.run_duckdb(directory, memory_gib)
    seconds = time.perf_counter() - began
    return {"start_seconds": 0.0, "seconds": seconds, "cpu_seconds": _cpu_seconds() - cpu_before}


def _spark(rival: str, directory: Path) -> dict[str, Any]:
    began = time.perf_counter()
    session = SparkSession.builder.getOrCreate()
    session.range(1).collect()
    started, started_at, cpu_before = time.perf_counter(), time.time(), _cpu_seconds()
    if rival in SPARK_RIVALS:
        SPARK_RIVALS[rival](session, directory)
    else:
        rivals.run_job(session, directory, Path(rival))
    figures = {
        "start_seconds": started - began,
        "seconds": time.perf_counter() - started,
        "cpu_seconds": _cpu_seconds() - cpu_before,
    }
    session.stop()
    _await_jvm()
    written = rivals.table(directory, "top_tracks") / "_SUCCESS"
    if written.exists():
        figures["top_ten_seconds"] = written.stat().st_mtime - started_at
    return figures | _of_events(directory / "events")


def _cpu_seconds() -> float:
    """Of this process and the JVM that it started, so far."""
    own = psutil.Process()
    return sum(sum(process.cpu_times()[:2]) for process in (own, *own.children(recursive=True)))


def _await_jvm() -> None:
    gateway = SparkContext._gateway
    if gateway is not None:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait()


def _of_events(events: Path) -> dict[str, float]:
    [log] = [path for path in events.iterdir() if path.is_file()]
    scans: set[int] = set()
    read = shuffled = spilled = 0
    for line in log.open():
        event = json.loads(line)
        if event["Event"] == "SparkListenerStageSubmitted":
            stage = event["Stage Info"]
            if any(rdd["Name"] == "FileScanRDD" for rdd in stage["RDD Info"]):
                scans.add(stage["Stage ID"])
        elif event["Event"] == "SparkListenerTaskEnd":
            task = event["Task Metrics"]
            read += task["Input Metrics"]["Bytes Read"] if event["Stage ID"] in scans else 0
            shuffled += task["Shuffle Write Metrics"]["Shuffle Bytes Written"]
            spilled += task["Disk Bytes Spilled"]
    return {"read_mib": read / _MIB, "shuffled_mib": shuffled / _MIB, "spilled_mib": spilled / _MIB}


if __name__ == "__main__":
    main()
