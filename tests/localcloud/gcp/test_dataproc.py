"""Dataproc's serverless batches as google-cloud-dataproc sees them."""

import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from google.api_core.exceptions import Conflict, MethodNotImplemented
from google.auth.credentials import AnonymousCredentials
from google.cloud.dataproc_v1 import Batch, BatchControllerClient, CreateBatchRequest
from google.protobuf.duration_pb2 import Duration

from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.web import CONTROL
from tests.localcloud.conftest import running_cloud

PARENT = "projects/heavy-rotation-laptop/locations/us-central1"
LABELS = {"app": "heavy-rotation", "job": "top-tracks", "run": "20261122t100000z"}


def _client(cloud: Any) -> BatchControllerClient:
    options = {"api_endpoint": cloud.url}
    return BatchControllerClient(transport="rest", credentials=AnonymousCredentials(), client_options=options)


@pytest.fixture
def client(google: Any) -> BatchControllerClient:
    return _client(google)


def _batch(**changes: Any) -> dict[str, Any]:
    return {
        "pyspark_batch": {"main_python_file_uri": "gs://code/top_tracks.py", "args": ["--run-id", "20261122T100000Z"]},
        "runtime_config": {
            "version": "2.3",
            "properties": {"spark.driver.cores": "4", "spark.executor.instances": "2"},
        },
        "environment_config": {"execution_config": {"ttl": Duration(seconds=1800), "service_account": "spark@x"}},
        "labels": LABELS,
        **changes,
    }


def _submit(client: BatchControllerClient, batch_id: str = "top-tracks-1", request_id: str = "", **changes: Any) -> Any:
    request = CreateBatchRequest(parent=PARENT, batch=_batch(**changes), batch_id=batch_id, request_id=request_id)
    return client.create_batch(request=request, timeout=10)


def _get(client: BatchControllerClient, batch_id: str = "top-tracks-1") -> Batch:
    return client.get_batch(name=f"{PARENT}/batches/{batch_id}")


def test_a_submitted_batch_waits_with_everything_it_was_given(google: Any, client: BatchControllerClient) -> None:
    google.clock.set(datetime(2026, 11, 22, 10, tzinfo=UTC))
    operation = _submit(client)
    batch = _get(client)

    assert operation.metadata.batch == batch.name == f"{PARENT}/batches/top-tracks-1"
    assert batch.state == Batch.State.PENDING
    assert (batch.pyspark_batch.main_python_file_uri, list(batch.pyspark_batch.args), dict(batch.labels)) == (
        "gs://code/top_tracks.py",
        ["--run-id", "20261122T100000Z"],
        LABELS,
    )
    assert batch.environment_config.execution_config.ttl.total_seconds() == 1800
    assert batch.create_time.replace(microsecond=0) == datetime(2026, 11, 22, 10, tzinfo=UTC)


def test_a_batch_goes_through_its_states_by_the_clock(google: Any, client: BatchControllerClient) -> None:
    morning = datetime(2026, 11, 22, 10, tzinfo=UTC)
    google.clock.set(morning)
    _submit(client)
    google.clock.set(morning + timedelta(seconds=60))
    google.dataproc.start("top-tracks-1")
    running = _get(client)
    google.clock.set(morning + timedelta(seconds=210))
    google.dataproc.finish("top-tracks-1", "SUCCEEDED")
    batch = _get(client)

    assert [(state.state.name, state.state_time.replace(microsecond=0)) for state in (running, batch)] == [
        ("RUNNING", morning + timedelta(seconds=60)),
        ("SUCCEEDED", morning + timedelta(seconds=210)),
    ]


def test_a_batch_that_has_ended_stays_as_it_is(google: Any, client: BatchControllerClient) -> None:
    _submit(client)
    google.dataproc.finish("top-tracks-1", "CANCELLED", "by hand")
    assert google.dataproc.start("top-tracks-1") is False
    google.dataproc.finish("top-tracks-1", "SUCCEEDED")
    assert (_get(client).state.name, _get(client).state_message) == ("CANCELLED", "by hand")


def test_a_batch_id_is_used_once_but_a_repeated_request_meets_its_own_batch(client: BatchControllerClient) -> None:
    first = _submit(client, request_id="r-1")
    again = _submit(client, request_id="r-1")
    assert again.operation.name == first.operation.name
    for other in ("r-2", ""):
        with pytest.raises(Conflict, match="Already exists"):
            _submit(client, request_id=other)
    _submit(client, "top-tracks-2")
    with pytest.raises(Conflict, match="Already exists"):
        _submit(client, "top-tracks-2")
    assert len(list(client.list_batches(parent=PARENT))) == 2


def test_batches_are_listed_newest_first(client: BatchControllerClient) -> None:
    for number in range(4):
        _submit(client, f"batch-{number}")
    for more in ({"order_by": "create_time desc"}, {"page_size": 3}):
        batches = client.list_batches(request={"parent": PARENT, **more})
        assert [batch.name.rpartition("/")[2] for batch in batches] == ["batch-3", "batch-2", "batch-1", "batch-0"]
    assert list(client.list_batches(parent=PARENT.replace("us-central1", "europe-west1"))) == []
    with pytest.raises(MethodNotImplemented, match="does not imitate filters"):
        list(client.list_batches(request={"parent": PARENT, "filter": "labels.job=top-tracks"}))


def test_batches_run_one_after_the_other_and_end_as_their_exit_code_says(tmp_path: Path) -> None:
    started: list[tuple[str, str, int]] = []
    at_once = []
    go_on, ended = threading.Event(), threading.Semaphore(0)

    def run_batch(batch: dict[str, Any], log_path: Path) -> int:
        at_once.append(1)
        batch_id = batch["name"].rpartition("/")[2]
        started.append((batch_id, batch["state"], len(at_once)))
        log_path.write_text(f"driver output of {batch_id}")
        go_on.wait(20)
        at_once.pop()
        if batch_id == "batch-3":
            raise FileNotFoundError("no Java here")
        return {"batch-1": 0, "batch-2": 7}[batch_id]

    def log(message: str, **fields: Any) -> None:
        if message == "Batch ended":
            ended.release()

    with running_cloud(tmp_path, run_batch=run_batch, log=log) as cloud:
        client = _client(cloud)
        for number in (1, 2, 3):
            _submit(client, f"batch-{number}")
        go_on.set()
        assert all(ended.acquire(timeout=20) for _ in range(3))

        assert started == [("batch-1", "RUNNING", 1), ("batch-2", "RUNNING", 1), ("batch-3", "RUNNING", 1)]
        outcomes = [(batch.state.name, batch.state_message) for batch in client.list_batches(parent=PARENT)]
    log_path = tmp_path / "batches" / "batch-2.log"
    assert outcomes == [
        ("FAILED", "The driver could not be run: FileNotFoundError: no Java here"),
        ("FAILED", f"The driver ended with exit code 7; its output is in {log_path}"),
        ("SUCCEEDED", ""),
    ]
    assert log_path.read_text() == "driver output of batch-2"


@pytest.mark.parametrize("state", ["RUNNING", "SUCCEEDED"])
def test_a_batch_whose_state_cannot_be_stored_goes_on_once_there_is_room_again(tmp_path: Path, state: str) -> None:
    errors: list[dict[str, Any]] = []
    ran: list[str] = []
    ended = threading.Semaphore(0)

    def run_batch(batch: dict[str, Any], log_path: Path) -> int:
        ran.append(batch["name"].rpartition("/")[2])
        return 0

    def log(message: str, severity: str = "INFO", **fields: Any) -> None:
        if message == "Batch ended":
            ended.release()
        elif severity == "ERROR":
            errors.append({"message": message, **fields})
            db.execute("DROP TRIGGER full")

    with running_cloud(tmp_path, run_batch=run_batch, log=log) as cloud:
        db = sqlite3.connect(tmp_path / "state.sqlite", check_same_thread=False, isolation_level=None)
        db.execute(f"""CREATE TRIGGER full BEFORE UPDATE ON batches WHEN NEW.resource LIKE '%"state": "{state}"%'
            BEGIN SELECT RAISE(ABORT, 'disk is full'); END""")
        for number in (1, 2):
            _submit(_client(cloud), f"batch-{number}")
        assert all(ended.acquire(timeout=20) for _ in range(2))
        outcomes = [(batch.state.name, batch.state_message) for batch in _client(cloud).list_batches(parent=PARENT)]
        db.close()

    assert ran == ["batch-1", "batch-2"]
    assert outcomes == [("SUCCEEDED", ""), ("SUCCEEDED", "")]
    assert errors == [
        {"message": "Batch could not be stored", "batch": "batch-1", "error": "IntegrityError: disk is full"}
    ]


def test_after_a_restart_waiting_batches_run_and_interrupted_ones_have_failed(tmp_path: Path) -> None:
    ended = threading.Semaphore(0)
    with running_cloud(tmp_path) as cloud:
        for batch_id in ("interrupted", "waiting", "finished"):
            _submit(_client(cloud), batch_id)
        cloud.dataproc.start("interrupted")
        cloud.dataproc.finish("finished", "SUCCEEDED")

    def log(message: str, **fields: Any) -> None:
        if message == "Batch ended":
            ended.release()

    with running_cloud(tmp_path, run_batch=lambda batch, log_path: 0, log=log) as cloud:
        assert all(ended.acquire(timeout=20) for _ in range(2))
        outcomes = {batch.name.rpartition("/")[2]: batch for batch in _client(cloud).list_batches(parent=PARENT)}

    assert {batch_id: (batch.state.name, batch.state_message) for batch_id, batch in outcomes.items()} == {
        "finished": ("SUCCEEDED", ""),
        "waiting": ("SUCCEEDED", ""),
        "interrupted": ("FAILED", "The laptop cloud was stopped while the batch ran"),
    }


def test_what_is_not_imitated_says_so(client: BatchControllerClient) -> None:
    with pytest.raises(MethodNotImplemented, match=r"does not imitate batches\.sparkBatch"):
        _submit(client, pyspark_batch=None, spark_batch={"main_class": "X"})


def test_what_killed_batches_left_goes_at_a_start_and_at_a_scrub_unless_one_is_under_way(tmp_path: Path) -> None:
    scratch = tmp_path / "batches/spark-1/tmp1/plays.parquet"

    def leave(cloud: LaptopCloud) -> None:
        scratch.parent.mkdir(parents=True, exist_ok=True)
        scratch.touch()
        cloud.storage.write(cloud.environment["SPARK_TEMP_BUCKET"], ".spark-bigquery-1/plays.parquet", b"plays")

    def is_left(cloud: LaptopCloud) -> tuple[bool, bool]:
        return scratch.exists(), bool(cloud.storage.names(cloud.environment["SPARK_TEMP_BUCKET"]))

    with LaptopCloud(tmp_path) as cloud:
        leave(cloud)
    with LaptopCloud(tmp_path) as cloud:
        assert is_left(cloud) == (False, False)
        leave(cloud)
        _submit(_client(cloud))
        requests.post(f"{cloud.url}{CONTROL}scrub", timeout=10).raise_for_status()
        assert is_left(cloud) == (True, True)
        cloud.dataproc.finish("top-tracks-1", "CANCELLED")
        requests.post(f"{cloud.url}{CONTROL}scrub", timeout=10).raise_for_status()
        assert is_left(cloud) == (False, False)
