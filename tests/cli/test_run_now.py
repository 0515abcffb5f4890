import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
import requests

from cli.commands import run_now
from cli.commands.run_now import Fired
from cli.follow_run import awaited_step, outcome
from localcloud import ledger
from localcloud.faults import Fault
from localcloud.web import Response, Routes, Server
from tests.cli.harness import owning
from tests.cli.test_runs import write_steps

SLOT = datetime(2026, 11, 22, 10, tzinfo=UTC)
JOB = "/v1/projects/heavy-rotation-laptop/locations/us-central1/jobs/ingest-hourly:run"
INGEST, LOAD = ("ingest", "succeeded", 12), ("load", "succeeded", 12)
TRANSFORM, TOP_TRACKS = ("transform", "succeeded", None), ("top_tracks", "succeeded", 40)


def rows(*steps):
    return [
        {
            "run_id": "20261122T100000Z",
            "step": step,
            "state": state,
            "rows_new": new,
            "finished_at": SLOT + timedelta(minutes=number),
        }
        for number, (step, state, new) in enumerate(steps)
    ]


@pytest.mark.parametrize(
    ("steps", "awaited"),
    [
        ([], "ingest"),
        ([INGEST], "load"),
        ([INGEST, LOAD], "transform"),
        ([INGEST, LOAD, TRANSFORM], "top_tracks"),
        ([INGEST, LOAD, TRANSFORM, TOP_TRACKS], None),
        ([("ingest", "skipped", 0)], None),
        ([("ingest", "failed", 0)], None),
        ([("ingest", "failed", 0), INGEST], "load"),
        ([INGEST, ("load", "failed", None)], None),
        ([INGEST, ("load", "failed", None), LOAD], "transform"),
        ([INGEST, ("load", "succeeded", 0)], None),
        ([INGEST, LOAD, ("transform", "skipped", None)], None),
        ([INGEST, LOAD, ("transform", "failed", None)], None),
        ([INGEST, LOAD, TRANSFORM, ("top_tracks", "failed", None)], None),
    ],
)
def test_which_step_a_run_waits_for(steps, awaited):
    assert awaited_step(rows(*steps)) == awaited


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ([("ingest", "skipped", 0)], "skipped"),
        ([("ingest", "failed", 0)], "failed"),
        ([("ingest", "failed", 0), INGEST, LOAD, TRANSFORM, TOP_TRACKS], "succeeded"),
        ([INGEST, LOAD, ("transform", "skipped", None)], "succeeded"),
        ([INGEST, LOAD, TRANSFORM, ("top_tracks", "failed", None)], "failed"),
    ],
)
def test_how_a_run_went(steps, state):
    assert outcome(rows(*steps)) == state


def test_a_run_without_a_known_id_is_the_one_whose_slot_came_since():
    """The schedule's own run, late, has the slot of its hour although it started after the forced one."""
    old = {"run_id": "old", "step": "ingest", "slot": SLOT - timedelta(minutes=5), "started_at": SLOT}
    late = {"run_id": "old", "step": "top_tracks", "slot": SLOT - timedelta(minutes=5), "started_at": SLOT}
    new = {"run_id": "new", "step": "ingest", "slot": SLOT - timedelta(seconds=1), "started_at": SLOT}
    fired = Fired(None, SLOT)
    assert fired.rows_of_run([old, late]) == []
    assert fired.rows_of_run([old, late, new]) == [new]


class Scheduler:
    """Cloud Scheduler, as far as one run out of turn: the steps show in the ledger one after the other."""

    def __init__(self, owner, status=200):
        self._owner, self._status, self.calls = owner, status, []
        routes = Routes()
        routes.add("POST", "/v1/.*", self._run)
        self.server = Server("scheduler", routes).start()
        owner.environ = owner.environ | {"CLOUDSCHEDULER_EMULATOR_HOST": self.server.url}
        self.steps = []

    def _run(self, request):
        self.calls.append((request.method, request.path))
        if self._status != 200:
            return Response.of_json({"error": {"message": "What it is"}}, self._status)
        threading.Thread(target=self._live, daemon=True).start()
        return Response.of_json({})

    def _live(self):
        run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        for number, (step, state, new, reason) in enumerate(self.steps):
            write_steps(self._owner, (run_id, step, state, number, new, reason))


@pytest.fixture
def scheduler(owner, monkeypatch):
    monkeypatch.setattr("cli.place._CLOUD_POLL_SECONDS", 0.05)
    scheduler = Scheduler(owner)
    yield scheduler
    scheduler.server.stop()


def test_in_the_cloud_the_job_is_run_once_and_followed_to_the_end(owner, scheduler, capsys):
    write_steps(owner, ("20261122T090000Z", "ingest", "succeeded", 3, 1, "an older run"))
    scheduler.steps = [
        ("ingest", "succeeded", 12, "12 new plays"),
        ("load", "succeeded", 12, "Of 12 plays 12 were new."),
        ("transform", "skipped", None, "A batch is young enough"),
    ]
    output = owner.types(capsys, "run-now", laptop=False)
    run_id = output.out[:16]

    assert output.code == 0
    assert output.out == (
        f"{run_id}  ingest      succeeded  12 new plays\n"
        f"{run_id}  load        succeeded  Of 12 plays 12 were new.\n"
        f"{run_id}  transform   skipped    A batch is young enough\n"
    )
    assert output.err.startswith("Firing the schedule …\n")  # what it waits for depends on how quick it went
    assert scheduler.calls == [("POST", JOB)]


def test_as_json_the_run_comes_with_its_steps_and_a_failed_one_is_exit_code_1(owner, scheduler, capsys):
    scheduler.steps = [
        ("ingest", "succeeded", 12, "12 new plays"),
        ("load", "failed", None, "BigQuery refused the file"),
    ]
    output = owner.types(capsys, "run-now", "--json", laptop=False)
    answer = output.json

    assert output.code == 1
    assert (answer["state"], [step["step"] for step in answer["steps"]]) == ("failed", ["ingest", "load"])
    assert {step["run_id"] for step in answer["steps"]} == {answer["run_id"]}
    assert "BigQuery refused the file" in output.err


def test_a_batch_that_failed_is_shown_before_the_next_run_records_it(owner, scheduler, capsys):
    """No Spark runs here: the test submits the batch and sets its state. Dataproc's first answer is an error."""
    owner.cloud.faults.order(Fault("gcp GET .*/batches"))
    scheduler.steps = [
        ("ingest", "succeeded", 12, "12 new plays"),
        ("load", "succeeded", 12, "12 were new"),
        ("transform", "succeeded", None, "submitted"),
    ]
    live = scheduler._live

    def live_and_fail():
        live()
        run_id = ledger.last_rows(owner.environ, 1)[0]["run_id"]
        submit_batch(owner, f"top-tracks-{run_id.lower()}", f"r{run_id.lower()}")
        owner.cloud.dataproc.finish(f"top-tracks-{run_id.lower()}", "FAILED", "the driver ran out of memory")

    scheduler._live = live_and_fail
    output = owner.types(capsys, "run-now", laptop=False)

    assert output.code == 1
    assert output.out.splitlines()[-1].endswith("failed: the driver ran out of memory")


def submit_batch(owner, batch_id, run):
    url = f"{owner.environ['DATAPROC_EMULATOR_HOST']}/v1/projects/{owner.project}/locations/us-central1/batches"
    batch = {
        "labels": {"app": "heavy-rotation", "job": "top-tracks", "run": run},
        "pysparkBatch": {"mainPythonFileUri": owner.environ["SPARK_JOB_URI"]},
    }
    answer = requests.post(f"{url}?batchId={batch_id}", json=batch, timeout=10)
    assert answer.ok, answer.text


def test_a_run_that_never_shows_ends_with_the_next_step(owner, scheduler, capsys):
    output = owner.types(capsys, "run-now", "--timeout", "0.2", laptop=False)
    assert output.code == 1
    assert "No new run shows in the ledger after 0 s: ingest does not answer" in output.err


def test_a_run_that_takes_too_long_goes_on_without_the_command(owner, scheduler, capsys):
    run = datetime.now(UTC) + timedelta(minutes=10)  # however long it takes until the command looks
    write_steps(owner, (f"{run:%Y%m%dT%H%M%SZ}", "ingest", "succeeded", 3, 12, "12 new plays"))
    output = owner.types(capsys, "run-now", "--timeout", "0.2", laptop=False)
    assert output.code == 1
    assert "it still waits for load to merge the plays. It goes on by itself" in output.err


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (404, "lacks what this needs: POST {url}: What it is. Run `make deploy`."),
        (403, "You may not do that in the project heavy-rotation-laptop: POST {url}: What it is. Sign in"),
        (400, "Google Cloud refused the request: POST {url}: What it is."),
        (500, "Google Cloud did not answer as it should (InternalServerError). Try again in a minute."),
    ],
)
def test_a_schedule_that_cannot_be_fired_is_said_in_words(owner, capsys, status, sentence):
    scheduler = Scheduler(owner, status)
    output = owner.types(capsys, "run-now", laptop=False)
    scheduler.server.stop()
    assert (output.code, output.out) == (1, "")
    assert sentence.format(url=scheduler.server.url + JOB) in output.err


def test_settings_of_a_laptop_cloud_never_fire_googles_schedule(owner, capsys):
    printed = owner.types(capsys, "run-now", laptop=False)
    assert printed.code == 2
    assert "give --laptop" in printed.err
    assert run_now.JOB not in printed.err


def test_on_the_laptop_an_ingest_without_a_run_is_said_with_its_log(tmp_path, monkeypatch, capsys):
    routes = Routes()
    routes.add("POST", "/", lambda request: Response.of_text("Internal Server Error", 500))
    ingest = Server("ingest", routes).start()
    with owning(tmp_path, monkeypatch) as owner:
        path = tmp_path / "environment.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"addresses": {"ingest": ingest.url}}))
        output = owner.types(capsys, "run-now")
    ingest.stop()
    assert output.code == 1
    assert f"status 500 and no run. Its log: {tmp_path / 'logs' / 'ingest.log'}" in output.err
