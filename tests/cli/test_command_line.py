import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from google.api_core.exceptions import RetryError, TooManyRequests, Unauthorized
from google.auth.exceptions import RefreshError
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY

from cli import google_clients
from cli.command_line import COMMANDS, main
from cli.place import in_cloud
from ingest_queries import RETRY
from localcloud.faults import Fault
from tests.cli.harness import ONE

ROOT = Path(__file__).parents[2]


def types(*arguments, **environ):
    """As a process, without anything of this computer's own settings."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nowhere", **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def output(capsys):
    """Runs the command line in this process: exit code, stdout and stderr."""

    def run(*arguments):
        with pytest.raises(SystemExit) as end:  # argparse's way
            main(list(arguments), {})
        return end.value.code, *capsys.readouterr()

    return run


def test_ctrl_c_while_modules_are_still_imported_ends_with_one_line():
    """`-X importtime` writes a line for each module: command_line.py begins with argparse and goes on for a second."""
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "cli", "runs"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert any(line.split("|")[-1].strip() == "argparse" for line in process.stderr)
        process.send_signal(signal.SIGINT)
        lines = [line for line in process.stderr if "import time:" not in line]
    assert (process.returncode, lines) == (130, ["\n", "Stopped.\n"])


def test_the_help_of_all_names_each_command_with_what_it_does(output):
    code, out, err = output("--help")
    assert (code, err) == (0, "")
    text = " ".join(out.split())
    assert all(f"{name} {' '.join(module.HELP.split())}" in text for name, module in COMMANDS.items())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_gives_json_and_knows_the_laptop_and_the_cloud(output, command):
    code, out, err = output(command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: python -m cli {command}")
    assert all(option in out for option in ("--json", "--laptop", "--project", "--region"))


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["unknown"], ["authorize"]),
        *(["authorize", ONE, "--port", port] for port in ("70000", "0", "-1", "x")),
        *(["authorize", ONE, "--timeout", seconds] for seconds in ("nan", "-1", "inf", "1e12")),
        *([*command, "--timeout", "inf"] for command in (["run-now"], ["import", ONE, "x"])),
    ],
)
def test_wrong_usage_is_exit_code_2(output, arguments):
    code, out, err = output(*arguments)
    assert (code, out) == (2, "")
    assert err


@pytest.mark.parametrize("arguments", [["runs"], ["runs", "--laptop", "x", "--project", "p"]])
def test_a_command_that_does_not_know_which_project_is_wrong_usage(capsys, monkeypatch, arguments):
    monkeypatch.setenv("PATH", "/nowhere")  # no Terraform whose outputs could say it
    assert main(arguments, {}) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--project" in err


def test_the_client_secret_is_no_option(output):
    _, out, _ = output("authorize", "--help")
    options = [word for word in out.split() if word.startswith(("-", "[-"))]
    assert not [option for option in options if "secret" in option]
    assert output("authorize", ONE, "--client-secret", "x")[0] == 2


def test_a_laptop_cloud_that_does_not_run_is_said_with_the_way_to_start_it(tmp_path):
    output = types("runs", "--laptop", str(tmp_path))
    assert (output.returncode, output.stdout) == (1, "")
    assert output.stderr == f"No laptop cloud runs on {tmp_path}. Run `python -m localcloud up --data {tmp_path}`.\n"


def test_no_credentials_are_said_with_the_way_to_get_them():
    output = types(
        "listeners", "--project", "p", "--region", "us-central1", NO_GCE_CHECK="true", CLOUDSDK_CONFIG="/nowhere"
    )
    assert (output.returncode, output.stdout) == (1, "")
    assert output.stderr == (
        "This computer has no credentials for Google Cloud. Run `gcloud auth application-default login`.\n"
    )


INFO = {"@type": "type.googleapis.com/google.rpc.ErrorInfo"}


@pytest.mark.parametrize(
    ("status", "more", "sentence"),
    [
        (403, {}, "You may not do that in the project heavy-rotation-laptop"),
        (403, {"errors": [{"reason": "quotaExceeded"}]}, ": Refused. “Quotas” in"),
        (403, {"errors": [{"reason": "billingNotEnabled"}]}, ": Refused. Link a billing account"),
        (403, {"errors": [{"reason": "forbidden"}], "details": [INFO | {"reason": "BILLING_DISABLED"}]}, "Link a"),
        (403, {"details": [INFO | {"reason": "SERVICE_DISABLED"}]}, ": Refused. Run `make deploy`, which enables it."),
        (404, {}, "lacks what this needs"),
        (400, {}, "Google Cloud refused the request"),
    ],
)
def test_what_google_refuses_is_said_in_words(owner, capsys, status, more, sentence):
    body = json.dumps({"error": {"code": status, "message": "Refused", **more}})
    owner.cloud.faults.order(Fault("gcp GET /v1/projects/.*/secrets", status=status, body=body, times=None))
    output = owner.types(capsys, "listeners", laptop=False)
    assert (output.code, output.out) == (1, "")
    assert sentence in output.err


def test_a_statement_that_takes_too_long_is_cancelled_and_google_is_not_said_to_be_silent(owner, capsys, monkeypatch):
    job = {"projectId": owner.project, "jobId": "slow", "location": "us-central1"}
    running = {"jobReference": job, "configuration": {"query": {"query": "x"}}, "status": {"state": "RUNNING"}}
    unfinished = {"jobReference": job, "jobComplete": False}
    for call, answer in {"(POST|GET) .*/queries": unfinished, "(POST|GET) .*/jobs/slow": running}.items():
        owner.cloud.faults.order(Fault(f"bigquery {call}", status=200, body=json.dumps(answer), times=None))
    monkeypatch.setattr("cli.google_clients.JOB_SECONDS", 0.1)
    output = owner.types(capsys, "runs")
    assert (output.code, output.out) == (1, "")
    assert output.err == (
        "BigQuery had not finished a job after 0 s, so the command stopped. A job stores everything or nothing: run "
        "the command again.\n"
    )
    assert owner.cloud.faults.calls[-1].endswith("/jobs/slow/cancel")


@pytest.mark.parametrize("error", [Unauthorized("expired"), RefreshError("Reauthentication is needed.")])
def test_credentials_that_google_does_not_take_any_more_are_to_be_renewed(error):
    place = in_cloud("p", "us-central1", {})
    sentence = "Google did not accept this computer's credentials. Run `gcloud auth application-default login` again."
    assert google_clients.explain(error, place) == sentence


@pytest.mark.parametrize("after_retries", [False, True])
@pytest.mark.parametrize(
    ("reason", "step"),
    [
        ("quotaExceeded", "“Quotas” in the Google Cloud console shows which quota."),
        ("rateLimitExceeded", "Try again in a minute."),
    ],
)
def test_too_many_requests_are_said_in_googles_words_with_what_to_do(reason, step, after_retries):
    last = TooManyRequests("Refused", errors=[{"reason": reason}])
    error = RetryError("Timeout of 60.0s exceeded", last) if after_retries else last
    sentence = google_clients.explain(error, in_cloud("p", "us-central1", {}))
    assert sentence.startswith(f"Google Cloud refused the request: Refused. {step}")


def test_a_laptop_cloud_that_has_just_died_is_said_with_its_logs(owner, capsys, monkeypatch):
    owner.cloud.faults.order(Fault("bigquery .*", action="drop", times=None))
    monkeypatch.setattr("ingest_queries.RETRY", RETRY.with_timeout(0.2))
    monkeypatch.setattr("ingest_queries._JOB_RETRY", DEFAULT_JOB_RETRY.with_timeout(0.2))
    output = owner.types(capsys, "runs")
    assert (output.code, output.out) == (1, "")
    assert f"Is it still running? Its logs: {owner.directory / 'logs'}" in output.err


LONG = "x" * 300


@pytest.mark.parametrize(
    ("arguments", "path", "why"),
    [
        (["import", ONE, LONG, "--new-listener"], LONG, "File name too long"),
        (["import", ONE, f"{LONG}/{LONG}.json", "--new-listener"], f"{LONG}/{LONG}.json", "File name too long"),
        (["export", ONE, "--output", LONG], LONG, "File name too long"),
        (["runs", "--laptop", LONG], f"{LONG}/environment.json", "File name too long"),
        (["runs", "--laptop", "file"], "file/environment.json", "Not a directory"),
    ],
)
def test_a_path_that_cannot_be_used_is_named_with_the_reason(
    owner, capsys, tmp_path, monkeypatch, arguments, path, why
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    output = owner.types(capsys, *arguments, laptop="--laptop" not in arguments)
    assert (output.code, output.out) == (1, "")
    assert output.err == f"{path}: {why}. Name another one, or correct that, and run the command again.\n"


def test_a_letter_that_the_terminal_lacks_is_spelled_out_and_json_stays_json(owner, tmp_path):
    row = {"ts": "2026-03-02T12:00:00Z", "ms_played": 181_000, "spotify_track_uri": f"spotify:track:{'a' * 22}"}
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "endsong_0.json").write_text(json.dumps([row]))
    (tmp_path / "history" / "日本 é 🎵.json").write_text("{}")
    arguments = ["import", ONE, str(tmp_path / "history"), "--dry-run", "--new-listener", "--laptop", str(tmp_path)]
    text, as_json = (types(*arguments, *option, PYTHONIOENCODING="ascii") for option in ([], ["--json"]))
    assert (text.returncode, as_json.returncode) == (0, 0), text.stderr + as_json.stderr
    assert (
        r"\u65e5\u672c \u00e9 \ud83c\udfb5.json holds a JSON object, or one on each line, not a list of rows."
        in text.stdout
    )
    [unread] = json.loads(as_json.stdout)["unread"]
    assert unread["name"].endswith("日本 é 🎵.json")


def test_the_laptop_cloud_spells_out_what_the_terminal_lacks_too():
    command = [sys.executable, "-m", "localcloud", "run", "--help"]
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert r"COMMAND \u2026" in done.stdout


@pytest.mark.parametrize(
    ("closed", "arguments", "code", "printed"),
    [
        ("2>&-", ["runs", "--laptop", "nowhere"], 1, ("", "")),
        (">&-", ["listeners"], 0, ("", "")),
        ("<&-", ["forget", ONE], 2, ("", "give --yes\n")),
    ],
)
def test_a_closed_stream_is_no_error(owner, closed, arguments, code, printed):
    owner.has_listener(ONE)
    where = [] if "--laptop" in arguments else ["--laptop", str(owner.directory)]
    command = ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "cli", *arguments, *where]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr[-len(printed[1]) or 1 :]) == (code, *printed)


def test_a_reader_that_goes_away_is_no_error(owner):
    """As in `python -m cli runs | head`."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "cli", "runs", "--laptop", str(owner.directory)]
    done = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    os.close(write)
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
def test_a_full_disk_ends_with_a_sentence(owner):
    command = [sys.executable, "-m", "cli", "runs", "--json", "--laptop", str(owner.directory)]
    with Path("/dev/full").open("wb") as out:
        done = subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (
        1,
        "There is no space left where the output or a temporary file goes. Make room and run this again.\n",
    )
