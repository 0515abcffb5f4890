"""The supervisor's own part in the beginning and the end of a laptop cloud."""

import json
import subprocess
import sys

import psutil
import pytest

from localcloud import supervisor
from localcloud.gcp.credentials import write_service_account
from localcloud.supervisor import AlreadyRunning, NotRunning, Plan, RunningCloud, running

OF_ANOTHER = "the state of a cloud whose process number another program has"


@pytest.fixture
def another():
    """A program that is no laptop cloud."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as program:
        yield psutil.Process(program.pid)
        program.kill()


@pytest.mark.parametrize(
    "left",
    [OF_ANOTHER, '{"settings": {}, "addresses": {}, "supervis', "", "\0" * 512, "[]", "{}"],
    ids=["of a process whose number another one has", "cut short", "empty", "zeros", "a list", "of an older version"],
)
def test_what_a_power_failure_has_left_behind_is_no_running_cloud(tmp_path, monkeypatch, another, left):
    if left == OF_ANOTHER:
        left = json.dumps(state_of(another.pid, ["before"]))
    (tmp_path / "environment.json").write_text(left)
    with pytest.raises(NotRunning, match="No laptop cloud runs on"):
        supervisor.attach(tmp_path)
    monkeypatch.setattr(supervisor, "_start", lambda plan, started: None)
    with running(Plan(tmp_path)):
        pass


def state_of(pid, command):
    return {"settings": {}, "addresses": {}, "supervisor": pid, "supervisor_command": command}


@pytest.mark.parametrize("emptied", [False, True])
def test_a_directory_on_which_a_cloud_runs_or_starts_is_refused_and_left_as_it_is(tmp_path, monkeypatch, emptied):
    def start(plan, started):
        (plan.directory / "clock").write_text("60")

    monkeypatch.setattr(supervisor, "_start", start)
    owner = psutil.Process()
    with running(Plan(tmp_path)):
        with pytest.raises(AlreadyRunning, match=r"already runs on .*: stop"), running(Plan(tmp_path, emptied=emptied)):
            pass
        state = state_of(owner.pid, owner.cmdline())
        (tmp_path / "environment.json").write_text(json.dumps(state))
        with pytest.raises(AlreadyRunning, match=f"process {owner.pid}"), running(Plan(tmp_path, emptied=emptied)):
            pass
        assert (tmp_path / "clock").read_text() == "60"
    with running(Plan(tmp_path)):
        pass


def test_a_cloud_may_begin_by_emptying_its_directory(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "_start", lambda plan, started: None)
    (tmp_path / "cloud" / "logs").mkdir(parents=True)
    (tmp_path / "cloud" / "logs" / "load.log").write_text("of an earlier demo")
    (tmp_path / "cloud" / "state.sqlite").write_text("of an earlier demo")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a.txt").write_text("another's")
    (tmp_path / "cloud" / "link").symlink_to(tmp_path / "kept")
    with running(Plan(tmp_path / "cloud", emptied=True)):
        assert [each.name for each in (tmp_path / "cloud").iterdir()] == [".gitignore"]
    assert (tmp_path / "kept" / "a.txt").read_text() == "another's"


@pytest.mark.parametrize("is_left", [False, True], ids=["own", "another's"])
def test_at_its_end_a_cloud_takes_away_its_own_state_and_that_of_no_other_cloud(
    tmp_path, monkeypatch, another, is_left
):
    """A directory that is renamed while its cloud runs leaves room for a second cloud under the old name."""
    owner = another if is_left else psutil.Process()

    def start(plan, started):
        key_path = plan.directory / "service-account.json"
        write_service_account(key_path, "http://127.0.0.1:9/token")
        settings = {"GOOGLE_APPLICATION_CREDENTIALS": str(key_path)}
        state = state_of(owner.pid, owner.cmdline()) | {"settings": settings}
        (plan.directory / "environment.json").write_text(json.dumps(state))
        return RunningCloud(plan.directory, state)

    monkeypatch.setattr(supervisor, "_start", start)
    with running(Plan(tmp_path)):
        pass
    assert (tmp_path / "environment.json").exists() == is_left


def test_git_ignores_a_data_directory_in_a_repository_and_its_own_gitignore_stays(tmp_path, monkeypatch):
    def start(plan, started):
        for name in ("state.sqlite", "logs/load.log", "objects/1"):
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
        "own/objects/1",
        "own/state.sqlite",
    ]
