"""The laptop cloud as a person uses it: real processes, started, used and stopped from the command line."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest

from cli import place
from localcloud import supervisor
from localcloud.__main__ import main
from tests.pipeline.conftest import ROOT, command, starting, survivors

pytestmark = pytest.mark.timeout(300)

AT = "2026-11-22T14:20:00Z"
"""Far from a full hour, on a day on which no invented listener plays a track between 8 and 23 o'clock."""
ANOTHER_SPOTIFY = {"SPOTIFY_ACCOUNTS_URL": "http://127.0.0.1:9", "SPOTIFY_API_URL": "http://127.0.0.1:7"}
"""Where nothing answers."""
COUNT_PLAYS = """
from google.cloud import bigquery
[row] = bigquery.Client().query_and_wait("SELECT COUNT(*) AS n FROM listening.plays")
print("plays:", row.n)
"""


def count_plays(data):
    """Through `run`, with Google's client and nothing but the environment it is given."""
    done = command("run", "--data", data, "--", sys.executable, "-c", COUNT_PLAYS)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.removeprefix("plays:"))


@pytest.fixture(scope="module")
def proxy():
    """Of a person's own: whoever calls through it waits in vain."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        yield proxy


@pytest.fixture(scope="module")
def environment(proxy, tmp_path_factory):
    """What a person may have set: a proxy for all hosts but one, and a password for all of them."""
    netrc = tmp_path_factory.mktemp("home") / ".netrc"
    netrc.write_text("default login ania password of-ania\n")
    exempt = dict.fromkeys(("no_proxy", "NO_PROXY"), "intranet.example")
    return {"HTTP_PROXY": f"http://127.0.0.1:{proxy.getsockname()[1]}", "NETRC": str(netrc), **exempt}


@pytest.fixture(scope="module")
def up(environment, tmp_path_factory):
    """One laptop cloud for the tests that only look at it, or tick hours of their own."""
    with starting(tmp_path_factory.mktemp("up")) as start:
        up = start("--at", AT, **environment)
        up.wait_for("Next run at")
        yield up


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A laptop cloud that is given another Spotify, for whose listeners no consent is stored."""
    with starting(tmp_path_factory.mktemp("elsewhere")) as start:
        up = start("--at", AT, **ANOTHER_SPOTIFY)
        up.wait_for("Next run at 15:00 UTC")
        yield up


def test_up_runs_the_schedule_to_the_top_ten(up):
    assert "ingest succeeded: 150 new plays from 3 of 3 listeners" in up.output
    assert "load       succeeded" in up.output
    assert "top_tracks succeeded" in up.output
    assert count_plays(up.data) == 150


def test_a_persons_proxy_and_netrc_have_no_part_in_it(up, environment, proxy):
    show = "import os; print(os.environ['no_proxy'])"
    called = [
        command(*arguments, **environment)
        for arguments in (
            ("status", "--data", up.data),
            ("run", "--data", up.data, "--", sys.executable, "-c", COUNT_PLAYS + show),
        )
    ]
    assert [done.returncode for done in called] == [0, 0], [done.stderr for done in called]
    assert called[1].stdout == "plays: 150\nintranet.example,127.0.0.1,localhost\n"
    with pytest.raises(BlockingIOError):
        proxy.accept()


@pytest.mark.spark
def test_stopped_while_spark_works_up_keeps_its_data_and_leaves_no_process_behind(start_up, tmp_path):
    """As a background job of a shell, which ignores SIGINT. Started again, it ends at SIGTERM as well."""
    up = start_up("--at", AT, data=Path(os.path.relpath(tmp_path / "cloud", ROOT)), preexec_fn=ignore_interrupts)
    up.wait_for("ingest succeeded: 150 new plays from 3 of 3 listeners")
    up.wait_for_process("localcloud.spark.driver")
    assert up.stop(signal.SIGINT) == 0
    assert survivors(up.family) == []
    assert not (tmp_path / "cloud" / "environment.json").exists()

    again = start_up("--at", AT)
    again.wait_for("already landed")  # the same hour is the same run
    assert count_plays(up.data) == 150
    assert again.stop(signal.SIGTERM) == 0
    assert survivors(again.family) == []


def ignore_interrupts():
    """Python installs its handler for Ctrl-C only where SIGINT is not ignored."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def test_tick_fires_the_schedule_once_and_shows_the_run_to_its_end(up):
    ticked = command("tick", "--data", up.data, "--slot", "2026-11-22T12:00:00Z")
    assert ticked.returncode == 0, ticked.stderr
    assert "20261122T120000Z  ingest skipped: no new plays from 3 of 3 listeners" in ticked.stdout
    status = command("status", "--data", up.data)
    assert status.returncode == 0, status.stderr
    assert "20261122T120000Z  ingest     skipped" in status.stdout
    assert str(up.data / "logs" / "ingest.log") in status.stdout
    old = command("tick", "--data", up.data, "--slot", "2026-01-01T10:00:00Z")
    assert old.returncode == 1
    assert "is more than 2 days old" in old.stderr


def test_another_spotify_given_in_the_environment_is_used_and_none_is_invented(elsewhere):
    assert not (elsewhere.data / "logs" / "spotify.log").exists()
    assert "no listener has given consent yet" in elsewhere.output
    owners = place.on_laptop(elsewhere.data)  # from a terminal that knows nothing of the settings of the other one
    assert [owners.spotify_accounts_url, owners.spotify_api_url] == list(ANOTHER_SPOTIFY.values())


def test_a_laptop_that_slept_through_hours_fires_the_schedule_once_for_the_latest(elsewhere):
    supervisor.attach(elsewhere.data).clock.set(datetime(2026, 11, 25, 19, 30, tzinfo=UTC))
    elsewhere.wait_for("Next run at 20:00 UTC")
    fired = re.findall("^([0-9TZ]+)  ingest skipped", elsewhere.output, re.MULTILINE)
    assert fired == ["20261122T140000Z", "20261125T190000Z"]


def test_a_second_laptop_cloud_on_the_same_data_is_refused(up):
    second = command("up", "--data", up.data)
    assert second.returncode == 1
    assert f"A laptop cloud already runs on {up.data}" in second.stderr
    assert command("status", "--data", up.data).returncode == 0, "the first one is unharmed"


@pytest.mark.parametrize("arguments", [["tick"], ["status"], ["dashboard"], ["run", "--", "true"]])
def test_a_command_without_a_running_laptop_cloud_says_how_to_start_one(tmp_path, capsys, arguments):
    name, *rest = arguments
    assert main([name, "--data", str(tmp_path), *rest]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert f"python -m localcloud up --data {tmp_path}" in output.err


def test_half_a_spotify_is_refused_before_a_secret_could_go_to_the_real_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SPOTIFY_API_URL", "http://127.0.0.1:9")
    assert main(["up", "--data", str(tmp_path)]) == 2
    assert "Only SPOTIFY_API_URL is set: set both" in capsys.readouterr().err


def test_a_slot_that_is_no_instant_is_wrong_usage(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["tick", "--data", str(tmp_path), "--slot", "yesterday"])
    assert ended.value.code == 2
    assert "'yesterday' is not an instant like 2026-11-22T10:00:00Z" in capsys.readouterr().err


def test_the_dashboard_opens_on_what_the_running_laptop_cloud_holds_until_ctrl_c(up, tmp_path):
    printed = tmp_path / "dashboard.out"
    with printed.open("wb") as output:
        dashboard = subprocess.Popen(
            [sys.executable, "-m", "localcloud", "dashboard", "--data", str(up.data)],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        address = wait_for_address(printed, dashboard)
        with urlopen(f"{address}/api/ready", timeout=60) as answer:
            assert json.load(answer) == {"ready": True}
        dashboard.send_signal(signal.SIGINT)
        assert dashboard.wait(60) == 0
    finally:
        dashboard.kill()


def wait_for_address(printed, dashboard):
    deadline = time.monotonic() + 180
    while not (found := re.search(r"The dashboard: (http://127\.0\.0\.1:\d+) ", printed.read_text())):
        assert dashboard.poll() is None, printed.read_text()
        assert time.monotonic() < deadline, printed.read_text()
        time.sleep(0.2)
    return found.group(1)
