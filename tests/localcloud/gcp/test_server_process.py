"""The stand-ins as a process: what the supervisor starts, steers and stops, and what a crash leaves."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage

from localcloud.gcp.eventarc.cloud_events import FINALIZED, MESSAGE_PUBLISHED
from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.processes import free_port
from localcloud.supervisor import until
from localcloud.web import ApiError, Request, Response, Routes, Server

ROOT = Path(__file__).parents[3]
TOKEN = "AQ-very-secret"


class ServerProcess:
    """A gcp/laptop_cloud.py on `directory`, which redelivers events at once."""

    def __init__(self, directory: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log_path = directory / "log"
        options = ["--data", str(directory), "--port", str(port), "--first-wait", "0.01", "--longest-wait", "0.05"]
        with self.log_path.open("ab") as log:
            command = [sys.executable, "-m", "localcloud.gcp.laptop_cloud", *options]
            self.popen = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
        assert until(self._listens, 120)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_localcloud/{path}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def end(self, number: signal.Signals) -> int:
        self.popen.send_signal(number)
        return self.popen.wait(60)

    def _listens(self) -> bool:
        try:
            return requests.get(f"{self.url}/_localcloud/pending", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False


@contextmanager
def _server(directory: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(directory)
    try:
        yield process
    finally:
        process.popen.kill()
        process.popen.wait()


class Function:
    """An event-driven function behind HTTP, which fails as often as it is set to."""

    def __init__(self, failures: int = 0) -> None:
        self.received: list[tuple[str, Any]] = []
        self._failures = failures
        routes = Routes()
        routes.add("POST", "/", self._receive)
        self.server = Server("function", routes).start()

    def _receive(self, request: Request) -> Response:
        self.received.append((request.headers.get("ce-type"), request.json()))
        if self._failures:
            self._failures -= 1
            raise ApiError(500, "crash", "ordered")
        return Response.of_text("OK")


@pytest.fixture
def function() -> Iterator[Function]:
    function = Function(failures=2)
    yield function
    function.server.stop()


def _warehouse(process: ServerProcess) -> bigquery.Client:
    options = {"api_endpoint": process.url}
    return bigquery.Client("heavy-rotation-laptop", AnonymousCredentials(), client_options=options)


def _client(process: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> storage.Client:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", process.url)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    return storage.Client()


def test_events_reach_a_function_that_fails_at_first(
    tmp_path: Path, function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _server(tmp_path) as process:
        client = _client(process, monkeypatch)
        bucket = client.create_bucket("landing")
        requests.put(f"{process.url}/v1/projects/p/topics/plays-loaded", json={}, timeout=5)
        for event_type, source in ((FINALIZED, "landing"), (MESSAGE_PUBLISHED, "plays-loaded")):
            subscription = {"event_type": event_type, "source": source, "url": function.server.url}
            process.control("POST", "subscriptions", subscription)

        bucket.blob("plays/a.csv").upload_from_string("hello")
        assert until(lambda: len(function.received) == 3, 120)
        message = {"messages": [{"data": "eA=="}]}
        requests.post(f"{process.url}/v1/projects/p/topics/plays-loaded:publish", json=message, timeout=5)
        assert until(lambda: len(function.received) == 4, 120)
        nothing = {"pending": 0, "held": 0, "given_up": 0}
        status = {
            "subscriptions": {f"{FINALIZED} landing": nothing, f"{MESSAGE_PUBLISHED} plays-loaded": nothing},
            "given_up": [],
            "batches": [],
        }
        assert until(lambda: process.control("GET", "pending") == status, 120)

    seen = [(event_type, body.get("name") or body["message"]["data"]) for event_type, body in function.received]
    assert seen == [(FINALIZED, "plays/a.csv")] * 3 + [(None, "eA==")]


def test_a_killed_process_goes_on_where_it_was(
    tmp_path: Path, function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription = {"event_type": FINALIZED, "source": "landing", "url": "http://127.0.0.1:9"}
    with _server(tmp_path) as process:
        client = _client(process, monkeypatch)
        bucket = client.create_bucket("landing")
        process.control("POST", "subscriptions", subscription)
        bucket.blob("plays/a.csv").upload_from_string("n\n1\n2\n")
        config = bigquery.LoadJobConfig(skip_leading_rows=1)
        with _warehouse(process) as warehouse:
            fields = [bigquery.SchemaField("n", "INT64")]
            warehouse.create_table(bigquery.Table(f"{warehouse.project}.listening.t", fields))
            warehouse.load_table_from_uri(
                "gs://landing/plays/a.csv", "listening.t", job_config=config, job_id="once"
            ).result()
        assert process.control("GET", "pending")["subscriptions"][f"{FINALIZED} landing"]["pending"] == 1
        process.end(signal.SIGKILL)

    with _server(tmp_path) as process:
        client = _client(process, monkeypatch)
        assert client.bucket("landing").blob("plays/a.csv").download_as_bytes() == b"n\n1\n2\n"
        with _warehouse(process) as warehouse:
            assert [row.n for row in warehouse.query_and_wait("SELECT n FROM listening.t ORDER BY n")] == [1, 2]
            assert warehouse.get_job("once", location="us-central1").output_rows == 2
        process.control("POST", "subscriptions", subscription | {"url": function.server.url})
        assert until(lambda: len(function.received) == 3, 120)

    assert {body["name"] for _, body in function.received} == {"plays/a.csv"}


def test_faults_are_ordered_and_ended_over_http_even_after_a_stop_and_ctrl_c_ends_it_politely(tmp_path: Path) -> None:
    with _server(tmp_path) as process:
        url = f"{process.url}/v1/projects/p/secrets"
        query, requested = f"{process.url}/bigquery/v2/projects/p/queries", {"query": "SELECT 1", "useLegacySql": False}
        process.control("POST", "faults", {"match": "bigquery POST .*/queries", "status": 500})
        process.control("POST", "faults", {"match": "gcp GET /v1/projects", "status": 429})
        process.control("POST", "faults", {"match": "gcp GET .*/secrets", "action": "stop"})

        statuses = [requests.post(query, json=requested, timeout=5).status_code for _ in range(2)]
        statuses += [requests.get(url, timeout=5).status_code for _ in range(3)]
        process.control("DELETE", "faults")

        assert [*statuses, requests.get(url, timeout=5).status_code] == [500, 200, 429, 403, 403, 200]
        assert process.end(signal.SIGINT) == 0
        assert "Traceback" not in process.log_path.read_text()


def test_an_order_that_makes_no_sense_is_refused(google: LaptopCloud) -> None:
    orders = {"faults": {"nonsense": 1}, "subscriptions": {"event_type": FINALIZED}, "nonsense": {}}
    answers = [requests.post(f"{google.url}/_localcloud/{path}", json=body, timeout=5) for path, body in orders.items()]
    assert [(answer.status_code, answer.json()["error"]["message"]) for answer in answers] == [
        (400, "Not a fault: Fault.__init__() got an unexpected keyword argument 'nonsense'"),
        (400, "A subscription needs event_type and url"),
        (501, "The laptop cloud does not imitate POST /_localcloud/nonsense"),
    ]


def test_the_log_holds_what_happened_to_a_polite_end_and_no_secret(tmp_path: Path, function: Function) -> None:
    with _server(tmp_path) as process:
        subscription = {"event_type": MESSAGE_PUBLISHED, "source": "plays-loaded", "url": function.server.url}
        process.control("POST", "subscriptions", subscription)
        project = f"{process.url}/v1/projects/p"
        requests.post(f"{project}/secrets?secretId=s", json={"replication": {"automatic": {}}}, timeout=5)
        payload = {"payload": {"data": "QVEtdmVyeS1zZWNyZXQ="}}  # TOKEN in base64
        requests.post(f"{project}/secrets/s:addVersion", json=payload, timeout=5)
        assert requests.get(f"{project}/secrets/s/versions/latest:access", timeout=5).status_code == 200
        requests.put(f"{project}/topics/plays-loaded", json={}, timeout=5)
        requests.post(f"{project}/topics/plays-loaded:publish", json={"messages": [{"data": "Y29kZQ=="}]}, timeout=5)
        assert until(lambda: "Event delivered" in process.log_path.read_text(), 120)
        assert process.end(signal.SIGTERM) == 0
        text = process.log_path.read_text()

    entries = [json.loads(line) for line in text.splitlines()]
    about = {"type": MESSAGE_PUBLISHED, "key": "1", "id": "1"}
    assert [{key: entry[key] for key in ("message", *about, "status") if key in entry} for entry in entries] == [
        {"message": "Google's stand-ins are listening"},
        {"message": "Event is redelivered later", **about, "status": 500},
        {"message": "Event is redelivered later", **about, "status": 500},
        {"message": "Event delivered", **about, "status": 200},
    ]
    for secret in (TOKEN, "QVEtdmVyeS1zZWNyZXQ=", "Y29kZQ=="):
        assert secret not in text
