"""Runs a Dataproc batch as a process of its own on local Spark: `run_batch` takes the batch as Dataproc's REST has it.

What only makes sense on Dataproc (runtime version, sizes, network, identity) is accepted and has no effect.
"""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from localcloud.gcp.credentials import bearer
from localcloud.gcp.set_up import ROOT
from localcloud.spark.java import QUICK_START, SPARK_HOME, Java, archive, find_java, recording

_ARCHIVES = ROOT / ".localcloud" / "spark"
_TIMEOUT_SECONDS = 30


def run_batch(batch: Mapping[str, Any], log_path: Path, environment: Mapping[str, str]) -> int:
    """Run the batch to its end, with all output in `log_path`; returns the exit code of the job."""
    settings = {**os.environ, **environment}
    java = find_java(settings)
    wanted = archive(java, _ARCHIVES)
    with tempfile.TemporaryDirectory(prefix="spark-", dir=log_path.parent) as name, recording(wanted, java) as draft:
        scratch = Path(name).absolute()
        job = _fetch(batch["pysparkBatch"]["mainPythonFileUri"], settings, scratch)
        command = [sys.executable, "-m", "localcloud.spark.driver", str(job), *batch["pysparkBatch"].get("args", [])]
        properties = {
            "spark.sql.shuffle.partitions": "2",
            "spark.local.dir": str(scratch),
            "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        }
        java_options = [*wanted.options(draft), f"-Djava.io.tmpdir={scratch}"]
        process_environment = {
            **settings,
            **spark_environment(java, java_options, properties),
            "SPARK_LAUNCHER_OPTS": shlex.join(QUICK_START),
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(scratch),
        }
        with log_path.open("ab") as log, _process(command, process_environment, scratch, log.fileno()) as process:
            exit_code = process.wait()
            if exit_code < 0 and draft:  # killed, perhaps in the middle of recording
                draft.unlink(missing_ok=True)
            return exit_code


def _fetch(uri: str, settings: Mapping[str, str], directory: Path) -> Path:
    """The object gs://bucket/name as a file."""
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    url = f"{settings['STORAGE_EMULATOR_HOST']}/download/storage/v1/b/{bucket}/o/{quote(name, safe='')}?alt=media"
    answer = requests.get(url, headers=bearer(settings), timeout=_TIMEOUT_SECONDS)
    answer.raise_for_status()
    path = directory / Path(name).name
    path.write_bytes(answer.content)
    return path


def spark_environment(
    java: Java, java_options: Sequence[str], properties: Mapping[str, str], *options: str
) -> dict[str, str]:
    """The settings with which PySpark starts a JVM on two cores; `options` are spark-submit's."""
    properties = {
        "spark.authenticate": "true",  # else any user of this computer may fetch blocks from the running batch
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.adaptive.enabled": "false",
        # The default, INT96, is a date and time without a zone to all readers but Spark and BigQuery.
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        **properties,
    }
    submit = ["--master", "local[2]", *options, "--driver-java-options", shlex.join(java_options)]
    submit += [part for key, value in properties.items() for part in ("--conf", f"{key}={value}")]
    return {
        "JAVA_HOME": str(java.home),
        "SPARK_HOME": str(SPARK_HOME),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": shlex.join([*submit, "pyspark-shell"]),
        "TZ": "UTC",  # as on Dataproc
    }


@contextmanager
def _process(
    command: Sequence[str], environment: Mapping[str, str], directory: Path, log: int
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own; at the end nothing of the session is left."""
    process = subprocess.Popen(  # noqa: S603 -- our own command
        command,
        env=environment,
        cwd=directory,
        stdin=subprocess.PIPE,  # never written to: it closes when this process is gone, and the driver ends
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group whose members have all ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
