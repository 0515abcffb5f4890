"""Calls of the product, and the laptop cloud's answers, are as Google itself describes its APIs."""

import contextlib
import io
import json
import sys
import webbrowser
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import functions_framework
import pytest
import requests

from cli.command_line import main
from localcloud import processes
from localcloud.gcp import set_up
from localcloud.gcp.bigquery.googlesql.functions import FUNCTIONS, KNOWN_SYNTAX
from localcloud.gcp.eventarc.cloud_events import FINALIZED, MESSAGE_PUBLISHED
from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.web import CONTROL, Request, Response
from tests.cli.harness import ONE, TWO, Owner, Person, owning
from tests.cli.import_history.harness import skip_the_batch
from tests.cli.test_run_now import Scheduler
from tests.contracts.api_judge import (
    EXPLAINED,
    Call,
    explanations,
    method_of,
    problems_of,
    recorded_calls,
    unexplained,
)
from tests.contracts.sent import sent_syntax

ROOT = Path(__file__).parents[2]
EXPORT = ROOT / "tests/cli/import_history/exports/Streaming_History_Audio_2023-2024_7.json"
# The dashboard's folder is its root; its modules are named unlike the functions'.
sys.path.append(str(ROOT / "dashboard"))
PROJECT = "/v1/projects/p"
DATASET = "/bigquery/v2/projects/p/datasets/d"


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Call]]:
    """An hour of the pipeline, a visit of the dashboard, and what an owner types."""
    with recorded_calls() as calls, pytest.MonkeyPatch.context() as patch:
        with owning(tmp_path_factory.mktemp("cloud"), patch) as owner:
            owner.environ["RECCOBEATS_API_URL"] = f"{owner.environ['SPOTIFY_API_URL']}/reccobeats"
            for name, value in owner.environ.items():
                patch.setenv(name, value)
            owner.knows_app()
            owner.has_listener(ONE)
            _run_the_pipeline(owner)
            _read_the_dashboard(owner)
            _type_commands(owner, tmp_path_factory.mktemp("files"), patch)
            set_up.create_resources(owner.environ, _send)
        yield calls


def _send(method: str, url: str, body: bytes) -> tuple[int, str]:
    answer = requests.request(method, url, data=body, timeout=30)
    return answer.status_code, answer.text


def _function(name: str) -> Any:
    return functions_framework.create_app(name, str(ROOT / f"functions/{name}/main.py")).test_client()


def _run_the_pipeline(owner: Owner) -> None:
    for event, name in ((FINALIZED, "load"), (MESSAGE_PUBLISHED, "transform_trigger")):
        client = _function(name)
        owner.cloud.subscribe(
            event, lambda headers, body, client=client: client.post("/", data=body, headers=headers).status_code
        )
    ingest = _function("ingest")
    assert [ingest.post("/", headers={"X-CloudScheduler-ScheduleTime": _slot()}).status_code] == [200]
    assert {status for _, status in owner.cloud.deliver_pending()} == {200}
    [batch_id] = owner.cloud.dataproc.active()
    owner.cloud.dataproc.start(batch_id)
    owner.cloud.dataproc.finish(batch_id, "SUCCEEDED")


def _slot() -> str:
    """Of the hour before: the run that is fired by hand later, at whatever minute, is another one."""
    return (datetime.now(UTC) - timedelta(hours=1)).replace(minute=0, second=0, microsecond=0).isoformat()


def _read_the_dashboard(owner: Owner) -> None:
    from settings import Settings
    from warehouse.store import open_store

    store = open_store(Settings.from_env({**owner.environ, "DASHBOARD_ACCESS": "laptop"}))
    assert store.listeners().value == (ONE,)
    assert not store.history(ONE).value.is_empty
    for read in (store.top_tracks, store.gaps):
        assert read(ONE).value.empty
    assert not store.runs().value.empty
    assert not store.sizes().value.empty
    assert store.everything(ONE).num_rows > 0


def _type_commands(owner: Owner, directory: Path, patch: pytest.MonkeyPatch) -> None:
    owner.cloud.subscribe(MESSAGE_PUBLISHED, lambda headers, body: skip_the_batch(owner, body))
    owner.cloud.events.start()  # import waits for load
    person = Person(TWO)
    patch.setattr(webbrowser, "open", person.open)
    _type(owner, "authorize", TWO, "--port", str(processes.free_port()))
    person.done()
    for words in (
        ("listeners",),
        ("runs",),
        ("import", ONE, str(EXPORT), "--anyway"),
        ("import", ONE, str(EXPORT), "--anyway", "--dry-run"),  # compared in a staging table now
        ("export", ONE, "--output", str(directory / "plays.csv")),
        ("repair",),
    ):
        _type(owner, *words)
    _type(owner, "check", laptop=False)
    owner.cloud.project.dashboard_url = "http://127.0.0.1:9"
    _type(owner, "check", laptop=False, code=1)  # it is deployed, and no browser reaches it
    patch.setattr("cli.place._CLOUD_POLL_SECONDS", 0.05)
    scheduler = Scheduler(owner)
    scheduler.steps = [("ingest", "skipped", 0, "no new plays")]
    _type(owner, "run-now", laptop=False)
    scheduler.server.stop()
    _type(owner, "forget", ONE, "--yes", "--no-wait", code=1)  # to be repeated: the run of before may be under way


def _type(owner: Owner, *words: str, laptop: bool = True, code: int = 0) -> None:
    where = ["--laptop", str(owner.directory)] if laptop else []
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        assert main([*words, *where], {} if laptop else owner.environ) == code, printed.getvalue()


def test_every_call_and_every_answer_is_as_google_describes_it(calls: list[Call]) -> None:
    assert unexplained(problems_of(calls)) == set()


def test_the_judge_has_seen_every_service_and_nothing_is_explained_that_does_not_occur(calls: list[Call]) -> None:
    methods = {str(method_of(call.request)) for call in calls if call.response.status == 200}
    assert methods >= {"cloudscheduler.projects.locations.jobs.run", "run.projects.locations.services.get"}
    assert {method.partition(".")[0] for method in methods} == {
        *("bigquery", "storage", "secretmanager", "pubsub", "dataproc"),
        *("serviceusage", "cloudscheduler", "run", "compute"),
        "None",
    }
    assert {entry for problem in problems_of(calls) for entry in explanations(problem)} == EXPLAINED.keys()


def test_the_laptop_bigquery_knows_the_functions_and_the_syntax_that_are_sent_and_no_others(calls: list[Call]) -> None:
    functions, syntax = sent_syntax(calls)

    assert functions == FUNCTIONS.keys()
    assert syntax == KNOWN_SYNTAX


CALLED_ELSEWHERE = {
    ("GET", f"{PROJECT}/locations/here/batches/abcd"): "transform_trigger: a batch that is there already",
    (
        "POST",
        "/storage/v1/b/landing/o/a/copyTo/b/quarantine/o/a",
    ): "load: a refused file; ingest: an unloaded one",
    ("PUT", "/upload/storage/v1/b/landing/o"): "Google's client: a file above 8 MB",
}


def test_the_laptop_cloud_answers_the_calls_that_are_made_and_no_others(calls: list[Call], tmp_path: Path) -> None:
    with LaptopCloud(tmp_path, forgetful=True) as cloud:
        routes = {(method, pattern) for method, pattern, _ in cloud.server.routes._routes}

    def unused(made: set[tuple[str, str]]) -> set[tuple[str, str]]:
        return {
            (method, pattern.pattern)
            for method, pattern in routes
            if CONTROL not in pattern.pattern
            and not any(method == called and pattern.fullmatch(path) for called, path in made)
        }

    in_the_hour = {(call.request.method, call.request.path) for call in calls}
    assert unused(in_the_hour | CALLED_ELSEWHERE.keys()) == set()
    # Each of the others is needed: without it one more route would be unused.
    assert len(unused(in_the_hour)) == len(CALLED_ELSEWHERE)


def call(method: str, address: str, body: Any = None, answer: Any = None) -> Call:
    url = urlsplit(address)
    query = parse_qs(url.query, keep_blank_values=True)
    sent = b"" if body is None else json.dumps(body).encode()
    request = Request(method, url.path, query, Message(), sent)
    return Call(request, Response.of_json(answer) if answer is not None else Response(204))


TABLE = {"tableReference": {"projectId": "p", "datasetId": "d", "tableId": "t"}}
BATCH = {"pysparkBatch": {"mainPythonFileUri": "gs://code/job.py"}}
SECRET = {"replication": {"automatic": {}}, "labels": {"app": "heavy-rotation"}}


def test_calls_as_they_should_be_pass() -> None:
    right = [
        call("POST", f"{DATASET}/tables", TABLE, TABLE | {"numRows": "3", "creationTime": "1764428400000"}),
        call("GET", f"{DATASET}/tables?maxResults=5", answer={"kind": "bigquery#tableList", "tables": [TABLE]}),
        call("POST", f"{PROJECT}/locations/here/batches?batchId=abcd", BATCH | {"runtimeConfig": {"version": "2.3"}}),
        call("POST", f"{PROJECT}/secrets?secretId=s", SECRET | {"ttl": "3.5s"}),
        call("GET", f"{PROJECT}/secrets", answer={"secrets": [{"createTime": "2026-11-22T10:00:00.5Z"}]}),
        call("GET", "/storage/v1/b/landing/o/plays%2Fa.csv?alt=media&ifGenerationMatch=0"),
        call("POST", f"{PROJECT}/topics/t:publish", {"messages": [{"data": "eA=="}]}, {"messageIds": ["1"]}),
    ]
    assert problems_of(right) == set()


@pytest.mark.parametrize(
    ("planted", "method", "place"),
    [
        (call("POST", f"{DATASET}/tables", TABLE | {"colour": "red"}), "bigquery.tables.insert", "request.colour"),
        (
            call("POST", f"{DATASET}/tables", {"tableReference": TABLE["tableReference"] | {"name": "t"}}),
            "bigquery.tables.insert",
            "request.tableReference.name",
        ),
        (call("POST", f"{DATASET}/tables", TABLE | {"labels": {"a": 1}}), "bigquery.tables.insert", "request.labels.a"),
        (call("POST", f"{DATASET}/tables", {}), "bigquery.tables.insert", "request.tableReference"),
        (
            call("GET", f"{DATASET}/tables", answer={"tables": [TABLE | {"schema": {}}]}),
            "bigquery.tables.list",
            "answer.tables.schema",
        ),
        (call("GET", f"{DATASET}/tables", answer={"kind": "bigquery#t"}), "bigquery.tables.list", "answer.kind"),
        (call("GET", f"{DATASET}/tables", answer={"totalItems": "3"}), "bigquery.tables.list", "answer.totalItems"),
        (call("GET", f"{DATASET}/tables", answer={"totalItems": True}), "bigquery.tables.list", "answer.totalItems"),
        (call("GET", f"{DATASET}/tables", answer={"totalItems": 2**31}), "bigquery.tables.list", "answer.totalItems"),
        (call("GET", f"{DATASET}/tables/t", answer=TABLE | {"numRows": 3}), "bigquery.tables.get", "answer.numRows"),
        (call("GET", f"{DATASET}/tables/t", answer=TABLE | {"numRows": "x"}), "bigquery.tables.get", "answer.numRows"),
        (call("GET", f"{DATASET}/tables?pageSize=3"), "bigquery.tables.list", "query pageSize"),
        (call("GET", f"{DATASET}/tables?maxResults=all"), "bigquery.tables.list", "query maxResults"),
        (call("GET", f"{DATASET}/tables?pageToken=a&pageToken=b"), "bigquery.tables.list", "query pageToken"),
        (call("GET", "/storage/v1/b/landing/o?projection=most"), "storage.objects.list", "query projection"),
        (call("GET", "/storage/v1/b"), "storage.buckets.list", "query project"),
        (call("POST", "/storage/v1/b?project=p", {}), "storage.buckets.insert", "request.name"),
        (
            call("POST", f"{PROJECT}/secrets?secretId=s", SECRET | {"ttl": "3 minutes"}),
            "secretmanager.projects.secrets.create",
            "request.ttl",
        ),
        (
            call("GET", f"{PROJECT}/secrets", answer={"secrets": [{"createTime": "2026-11-22 10:00"}]}),
            "secretmanager.projects.secrets.list",
            "answer.secrets.createTime",
        ),
        (
            call("GET", f"{PROJECT}/secrets/s/versions/1", answer={"state": "GONE"}),
            "secretmanager.projects.secrets.versions.get",
            "answer.state",
        ),
        (
            call("POST", f"{PROJECT}/topics/t:publish", {"messages": [{"data": "ä"}]}),
            "pubsub.projects.topics.publish",
            "request.messages.data",
        ),
        (
            call("POST", f"{PROJECT}/locations/here/batches", {"pysparkBatch": {"args": []}}),
            "dataproc.projects.locations.batches.create",
            "request.pysparkBatch.mainPythonFileUri",
        ),
        (call("GET", f"{PROJECT}/topics/t", {"x": 1}), "pubsub.projects.topics.get", "request"),
        (call("PUT", f"{DATASET}/tables"), f"PUT {DATASET}/tables", "path"),
        (call("GET", f"{DATASET}/views"), f"GET {DATASET}/views", "path"),
        (call("POST", f"{PROJECT}/secrets/s:burn", {}), f"POST {PROJECT}/secrets/s:burn", "path"),
    ],
)
def test_what_google_does_not_describe_is_found(planted: Call, method: str, place: str) -> None:
    assert {(problem.method, problem.place) for problem in unexplained(problems_of([planted]))} == {(method, place)}
