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
    if "LOCALCLOUD_CLOCK" in os.environ:
        offset = Clock(Path(os.environ["LOCALCLOUD_CLOCK"])).offset()
        time_machine.travel(datetime.now(UTC) + offset, tick=True).start()
    # The JVM starts before the job's first line, as with spark-submit; Google's clients are loaded meanwhile.
    connector = ThreadPoolExecutor(1).submit(importlib.import_module, "localcloud.spark.connector")
    SparkContext._ensure_initialized()
    connector.result().install()
    sys.argv = [job, *arguments]
    sys.path[0] = str(Path(job).parent)
    try:
        runpy.run_path(job, run_name="__main__")
    finally:
        await_jvm()


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def await_jvm() -> None:
    """Let the JVM end by itself: it may have classes to archive on its way out."""
    gateway = SparkContext._gateway
    if gateway is not None:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait()


if __name__ == "__main__":
    main()
