"""The supervisor's own part in the beginning and the end of a laptop cloud."""

import json
import os
import signal
import subprocess
import sys

import pytest

from localcloud import supervisor
from localcloud.gcp.credentials import write_service_account
from localcloud.supervisor import Plan, RunningCloud, running


@pytest.mark.parametrize(("owner", "is_left"), [(os.getpid(), False), (os.getppid(), True)], ids=["own", "another's"])
def test_at_its_end_a_cloud_takes_away_its_own_state_and_that_of_no_other_cloud(tmp_path, monkeypatch, owner, is_left):
    """A directory that is renamed while its cloud runs leaves room for a second cloud under the old name."""

    def start(plan, started):
        key_path = plan.directory / "service-account.json"
        write_service_account(key_path, "http://127.0.0.1:9/token")
        settings = {"GOOGLE_APPLICATION_CREDENTIALS": str(key_path)}
        state = {"settings": settings, "addresses": {}, "supervisor": owner}
        (plan.directory / "environment.json").write_text(json.dumps(state))
        return RunningCloud(plan.directory, state)

    monkeypatch.setattr(supervisor, "_start", start)
    with running(Plan(tmp_path)):
        pass
    assert (tmp_path / "environment.json").exists() == is_left


def test_git_ignores_a_data_directory_in_a_repository_and_its_own_gitignore_stays(tmp_path, monkeypatch):
    def start(plan, started):
        for name in ("state.sqlite", "logs/load.log", "buckets/landing/a.csv"):
            path = plan.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("a refresh token")

    monkeypatch.setattr(supervisor, "_start", start)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    for _ in range(2):  # new, and there already
        with running(Plan(tmp_path / "mydata")):
            pass

    (tmp_path / "own").mkdir()
    (tmp_path / "own" / ".gitignore").write_text("*.log\n")
    with running(Plan(tmp_path / "own")):
        pass

    status = ["git", "-C", tmp_path, "status", "--porcelain", "--untracked-files=all"]
    untracked = subprocess.run(status, capture_output=True, text=True, check=True).stdout.split("\n")
    assert sorted(line[3:] for line in untracked if line) == [
        "own/.gitignore",
        "own/buckets/landing/a.csv",
        "own/state.sqlite",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_in_the_background_of_a_shell_ends_politely_at_either_signal(number):
    script = (
        "import os, signal\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell without job control starts it\n"
        "from localcloud.processes import end_on_signals\n"
        "end_on_signals()\n"
        "try:\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    signal.pause()\n"
        "except KeyboardInterrupt:\n"
        "    print('ended')\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "ended\n"
