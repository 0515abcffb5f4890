import json
import re
from pathlib import Path

import pytest
import requests
from google.auth.exceptions import RefreshError
from google.cloud.storage.exceptions import DataCorruption

from cli.command_line import main
from cli.commands import check
from cli.console import CliError
from localcloud.faults import Fault
from localcloud.gcp.project import Quota
from localcloud.web import Response, Routes, Server
from tests.cli.harness import ONE, THREE, TWO, Output

DATAPROC = Path(__file__).parents[2] / "functions/transform_trigger/dataproc.py"


def findings(output):
    """what → [(state, words)]."""
    found = {}
    for finding in output.json:
        found.setdefault(finding["subject"], []).append((finding["state"], finding["said"]))
    return found


def checked(owner, capsys, laptop=False):
    output = owner.types(capsys, "check", "--json", laptop=laptop)
    return output.code, findings(output)


def post_secret(owner, path, **body):
    url = f"{owner.environ['SECRETMANAGER_EMULATOR_HOST']}/v1/projects/{owner.project}/secrets{path}"
    assert requests.post(url, json=body, timeout=10).ok


def make_empty_secret(owner, name, **labels):
    """As Terraform leaves it behind."""
    labels["app"] = "heavy-rotation"
    post_secret(owner, f"?secretId={name}", replication={"automatic": {}}, labels=labels)


def test_a_project_that_lacks_nothing_is_ready(ready, capsys):
    output = ready.types(capsys, "check", laptop=False)
    assert output.code == 0
    assert output.out == (
        "what       state  details\n"
        "APIs       ok     All 22 are enabled.\n"
        "quota      ok     CPUS is 24; a Spark batch takes 12 vCPU.\n"
        "quota      ok     CPUS_ALL_REGIONS is 32; a Spark batch takes 12 vCPU.\n"
        "quota      ok     DISKS_TOTAL_GB is 4096; a Spark batch takes 750 GB of disk.\n"
        "tables     ok     The table plays is there and holds 0 rows.\n"
        "consents   ok     listener-one's consent is stored.\n"
        "schedule   ok     ingest-hourly is on: 0 * * * * (Etc/UTC).\n"
        "dashboard  note   None is deployed. To have one, run `make dashboard-image`, then `make deploy`.\n"
    )


def test_a_trials_quota_is_seen_before_a_batch_has_to_fail(ready, capsys):
    ready.cloud.project.quotas = {"CPUS": Quota(24, 20), "CPUS_ALL_REGIONS": Quota(8)}
    code, found = checked(ready, capsys)
    assert code == 1
    assert found["quota"] == [
        ("note", "CPUS: 20 of 24 are in use now; a Spark batch takes 12 vCPU."),
        (
            "missing",
            "CPUS_ALL_REGIONS is 8, and a Spark batch takes 12 vCPU. A free trial has 8 vCPU: upgrade the billing "
            "account first (its credit stays). Then ask for more: "
            "https://console.cloud.google.com/iam-admin/quotas?project=heavy-rotation-laptop",
        ),
        ("note", "Compute Engine names no quota DISKS_TOTAL_GB; a Spark batch takes 750 GB of disk."),
    ]


def test_what_is_looked_for_is_what_a_batch_takes():
    properties = dict(re.findall(r'"spark\.([a-z.]+)": "(\w+)"', DATAPROC.read_text()))
    executors = int(properties["executor.instances"])
    cores = int(properties["driver.cores"]) + executors * int(properties["executor.cores"])
    sizes = [properties[f"dataproc.{part}.disk.size"].removesuffix("g") for part in ("driver", "executor")]
    disk = int(sizes[0]) + executors * int(sizes[1])
    assert {metric: needed for metric, (needed, _) in check.BATCH.items()} == {
        "CPUS": cores,
        "CPUS_ALL_REGIONS": cores,
        "DISKS_TOTAL_GB": disk,
    }


def test_apis_that_are_off_are_named(ready, capsys):
    ready.cloud.project.apis_off = {"run.googleapis.com", "dataproc.googleapis.com"}
    code, found = checked(ready, capsys)
    assert code == 1
    assert found["APIs"] == [
        ("missing", "Not enabled: dataproc.googleapis.com, run.googleapis.com. Run `make deploy`.")
    ]


def test_secrets_without_a_version_are_named_with_the_command_that_fills_them(owner, capsys):
    make_empty_secret(owner, "spotify-client")
    make_empty_secret(owner, f"refresh-token-{TWO}", kind="refresh-token", listener=TWO)
    owner.has_listener(ONE)
    code, found = checked(owner, capsys)
    assert code == 1
    assert found["consents"] == [
        (
            "missing",
            "The app's id and secret are missing: the secret spotify-client has no version. "
            "Run `python -m cli authorize listener-one`.",
        ),
        ("ok", "listener-one's consent is stored."),
        (
            "missing",
            "listener-two has no consent: the secret refresh-token-listener-two has no version. "
            "Run `python -m cli authorize listener-two`.",
        ),
    ]


def test_an_older_version_is_no_consent_where_the_newest_is_not_enabled(ready, capsys):
    """Ingest reads no older one."""
    ready.knows_app()
    ready.has_listener(ONE)
    post_secret(ready, "/spotify-client/versions/2:disable")
    post_secret(ready, f"/refresh-token-{ONE}/versions/2:destroy")
    code, found = checked(ready, capsys)
    newest = "version 2 of the secret {}, the newest, is {}, version 1 is enabled. Run `python -m cli authorize {}`."
    assert (code, found["consents"]) == (
        1,
        [
            ("missing", f"The app's id and secret are missing: {newest.format('spotify-client', 'disabled', ONE)}"),
            ("missing", f"{ONE} has no consent: {newest.format(f'refresh-token-{ONE}', 'destroyed', ONE)}"),
        ],
    )
    [listed] = ready.types(capsys, "listeners", "--json").json
    assert listed["state"] == "not_authorized"


def test_a_version_that_was_enabled_between_the_two_reads_is_said_so(ready, capsys, monkeypatch):
    monkeypatch.setattr("cli.secret_store.SecretStore.newest_version_at", lambda *_: None)
    _, found = checked(ready, capsys)
    again = f"Run `python -m cli authorize {ONE}`."
    assert found["consents"] == [("missing", f"{ONE} has no consent: the secret changed just now. {again}")]


def test_a_consent_that_ended_or_was_revoked_is_missing_and_one_that_ends_soon_is_a_note(ingesting, capsys):
    ingesting.authorize(ONE, TWO, consented_at="2026-06-23T10:00:00Z")
    ingesting.authorize(THREE)
    ingesting.spotify.revoke(TWO)

    def consents():
        ingesting.run(ingesting.cloud.clock.now().replace(second=0))
        capsys.readouterr()
        code = main(["check", "--json"])
        return code, findings(Output(code, *capsys.readouterr()))["consents"]

    again = "Run `python -m cli authorize {}`."
    revoked = ("missing", f"{TWO}'s consent was revoked or does not suffice. {again.format(TWO)}")
    fine = ("ok", f"{THREE}'s consent is stored.")
    assert consents() == (1, [("note", f"{ONE}'s consent ends in 30 days. {again.format(ONE)}"), fine, revoked])
    ingesting.travel(days=31)
    ended = f"'s consent ended on 2026-12-23. {again}"
    assert consents() == (
        1,
        [("missing", f"{ONE}{ended.format(ONE)}"), fine, ("missing", f"{TWO}{ended.format(TWO)}")],
    )


UNUSABLE = "refresh_token is missing, correct it or run `python -m cli authorize listener-one`"
FAILED, UNAVAILABLE = {"state": "failed"}, "Spotify was not available (503), the next run tries again"


@pytest.mark.parametrize(
    ("recorded", "found"),
    [
        (
            FAILED | {"error_class": "SecretUnusable", "reason": UNUSABLE},
            [f"{ONE}'s consent is stored, but the last run failed: {UNUSABLE}."],
        ),
        (
            FAILED | {"reason": UNAVAILABLE, "error_class": "X", "consent_ends_at": "2026-12-02T10:00:00Z"},
            [
                f"{ONE}'s consent ends in 9 days. Run `python -m cli authorize {ONE}`.",
                f"{ONE}'s consent is stored, but the last run failed: {UNAVAILABLE}.",
            ],
        ),
        (FAILED, [f"{ONE}'s consent is stored, but the last run failed: the ledger does not say why."]),
        (None, [f"{ONE}'s consent is stored, but the ledger's newest record of it cannot be read."]),
    ],
)
def test_a_last_run_that_failed_or_cannot_be_read_is_a_note(ingesting, capsys, recorded, found):
    ingesting.authorize(ONE)
    ingesting.travel(hours=1)
    ingesting.tell("20261122T110000Z", "ingest", "failed", details=json.dumps({"listeners": {ONE: recorded}}))
    capsys.readouterr()
    code = main(["check", "--json"])
    consents = findings(Output(code, *capsys.readouterr()))["consents"]
    assert (code, consents) == (0, [("note", words) for words in found])


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, "There is no Cloud Scheduler job ingest-hourly. Run `make deploy`."),
        (
            "PAUSED",
            "ingest-hourly is paused. Run `gcloud scheduler jobs resume ingest-hourly --location us-central1 "
            "--project heavy-rotation-laptop`.",
        ),
        ("UPDATE_FAILED", "ingest-hourly is UPDATE_FAILED. Run `make deploy`."),
    ],
)
def test_a_schedule_that_does_not_run_is_seen(ready, capsys, state, words):
    ready.cloud.project.schedule_state = state
    code, found = checked(ready, capsys)
    assert (code, found["schedule"]) == (1, [("missing", words)])


@pytest.fixture
def page():
    """The dashboard's address as a browser finds it; `answer` is what it says."""
    routes = Routes()
    server = Server("dashboard", routes).start()
    server.answer = Response.of_text("ready")
    routes.add("GET", "/api/ready", lambda request: server.answer)
    yield server
    server.stop()


def test_a_dashboard_is_asked_at_its_address(ready, page, capsys):
    ready.cloud.project.dashboard_url = page.url
    seen = []
    sign_in = Response(302, headers={"Location": "https://accounts.google.com/o/oauth2/v2/auth?client_id=x"})
    elsewhere = Response(302, headers={"Location": "/elsewhere"})
    for answer in (page.answer, sign_in, elsewhere, Response(503)):
        page.answer = answer
        code, found = checked(ready, capsys)
        seen.append((code, found["dashboard"][0]))
    log = "the log of the service dashboard says more."
    assert seen == [
        (0, ("ok", f"{page.url} answers.")),
        (0, ("ok", f"{page.url} answers, after signing in with Google.")),
        (1, ("missing", f"{page.url} answers with status 302; {log}")),
        (1, ("missing", f"{page.url} answers with status 503; {log}")),
    ]


def test_a_dashboard_that_does_not_start_or_answer_is_seen(ready, capsys):
    ready.cloud.project.dashboard_url = "http://127.0.0.1:9"
    code, found = checked(ready, capsys)
    assert (code, found["dashboard"][0][0]) == (1, "missing")
    assert "http://127.0.0.1:9 does not answer (ConnectionError)" in found["dashboard"][0][1]
    ready.cloud.project.dashboard_failure = "The container failed to listen on PORT=8080."
    _, found = checked(ready, capsys)
    assert found["dashboard"] == [("missing", "The service is not ready: The container failed to listen on PORT=8080.")]


def test_the_address_without_a_hash_is_the_one_that_is_asked():
    hashed, own = "https://dashboard-abc123-uc.a.run.app", "https://dashboard-42.us-central1.run.app"
    assert check._address({"uri": hashed, "urls": [hashed, own]}) == own
    assert check._address({"uri": hashed}) == hashed


def test_what_google_does_not_say_is_unknown_and_hides_nothing_else(ready, capsys):
    ready.cloud.faults.order(Fault("gcp GET /compute/.*", status=403, times=None))
    code, found = checked(ready, capsys)
    assert code == 1
    [(state, words)] = found["quota"]
    assert state == "unknown"
    assert words.startswith("You may not do that in the project heavy-rotation-laptop")
    assert found["schedule"][0][0] == "ok"


def test_what_was_found_before_google_failed_is_shown(owner, capsys):
    make_empty_secret(owner, "spotify-client")
    owner.has_listener(ONE)
    owner.cloud.faults.order(Fault("bigquery POST .*/queries", status=403, times=None))
    _, found = checked(owner, capsys)
    assert [state for state, _ in found["consents"]] == ["missing", "unknown"]
    assert found["consents"][0][1].startswith("The app's id and secret are missing")


@pytest.mark.parametrize(
    ("error", "state", "words"),
    [
        (TimeoutError(), "unknown", "BigQuery had not finished a job"),
        (DataCorruption(None), "unknown", "Google Cloud did not answer as it should (DataCorruption)"),
        (RefreshError("x"), "unknown", "Google did not accept this computer's"),
        (CliError("Two secrets carry one label. Delete one."), "missing", "Two secrets carry one label. Delete one."),
    ],
)
def test_whatever_a_check_may_raise_hides_nothing_else(ready, capsys, monkeypatch, error, state, words):
    def stored_plays(_):
        raise error

    monkeypatch.setattr("cli.warehouse.Warehouse.stored_plays", stored_plays)
    code, found = checked(ready, capsys)
    [(found_state, said)] = found["tables"]
    assert (code, found_state, said.startswith(words)) == (1, state, True)
    assert found["consents"] == [("ok", f"{ONE}'s consent is stored.")]


def test_on_the_laptop_tables_and_consents_are_looked_at(owner, capsys):
    code, found = checked(owner, capsys, laptop=True)
    assert code == 1
    assert found == {
        "tables": [("ok", "The table plays is there and holds 0 rows.")],
        "consents": [
            (
                "missing",
                f"There is no listener yet. Run `python -m cli authorize LISTENER --laptop {owner.directory}`.",
            )
        ],
    }
    owner.knows_app()
    owner.has_listener(ONE)
    code, found = checked(owner, capsys, laptop=True)
    assert (code, found["consents"]) == (0, [("ok", "listener-one's consent is stored.")])
