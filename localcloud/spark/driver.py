"""The process of one batch: runs a job file unchanged, as spark-submit would, on the laptop's Spark.

`python -m localcloud.spark.driver JOB ARGUMENT…`, started by `localcloud.spark.batch`. It ends when its standard input
closes, which happens when the process that started it has gone, however it went.
"""

import importlib
import os
import runpy
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import time_machine
from pyspark import SparkContext

from localcloud.clock import Clock


def main() -> None:
    job, *arguments = sys.argv[1:]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _enter_simulated_time()
    _start_spark()
    sys.argv = [job, *arguments]
    sys.path[0] = str(Path(job).parent)
    try:
        runpy.run_path(job, run_name="__main__")
    finally:
        _await_jvm()


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def _enter_simulated_time() -> None:
    if "LOCALCLOUD_CLOCK" in os.environ:
        clock = Clock(Path(os.environ["LOCALCLOUD_CLOCK"]))
        time_machine.travel(datetime.now(UTC) + clock.offset(), tick=True).start()


def _start_spark() -> None:
    """Start the JVM before the job's first line, as spark-submit does, and load Google's clients meanwhile."""
    loading = ThreadPoolExecutor(1).submit(importlib.import_module, "localcloud.spark.connector")
    SparkContext._ensure_initialized()
    loading.result().install()


def _await_jvm() -> None:
    """Let the JVM end by itself: it may have classes to archive on its way out."""
    gateway = SparkContext._gateway
    if gateway is not None:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait()


if __name__ == "__main__":
    main()
