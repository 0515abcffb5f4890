"""The supervisor's own part in the beginning and the end of a laptop cloud."""

import json
import os
import shlex
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_process_in_the_background_of_a_shell_ends_politely_at_each_signal(number):
    script = (
        "import os, signal\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell without job control starts it\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests run under nohup\n"
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


LOCK_THAT_NOTHING_GIVES_BACK = """
lock = threading.Lock()
lock.acquire()
try:
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()
finally:
    lock.acquire()
"""
FINALIZER = """
class Dropped(io.RawIOBase):
    def close(self):
        os.kill(os.getpid(), signal.SIGTERM)
Dropped()
while True:
    signal.pause()
"""
LOCK_THAT_A_FINALIZER_WAITS_FOR = """
lock = threading.Lock()
lock.acquire()
weakref.finalize(lock, lambda taken: taken.acquire(), lock)
os.kill(os.getpid(), signal.SIGTERM)
"""
# As where it comes just before Python waits in C.
LOST_WITH_THE_ONE_AFTER_IT = """
handler = signal.getsignal(signal.SIGALRM)
with contextlib.suppress(KeyboardInterrupt):
    signal.raise_signal(signal.SIGTERM)
signal.signal(signal.SIGALRM, lambda *_: signal.signal(signal.SIGALRM, handler))
while True:
    signal.pause()
"""


@pytest.mark.parametrize(
    "lost",
    [LOCK_THAT_NOTHING_GIVES_BACK, FINALIZER, LOCK_THAT_A_FINALIZER_WAITS_FOR, LOST_WITH_THE_ONE_AFTER_IT],
    ids=["lock on the way out", "finalizer", "lock at the end", "with the one after it"],
)
def test_a_signal_whose_exception_comes_to_nothing_ends_the_process_all_the_same(lost):
    """And the clean-up, once begun, is not interrupted by it."""
    script = (
        "import contextlib, io, os, signal, threading, time, weakref\n"
        "from localcloud import processes\n"
        "processes.end_on_signals(insisting=True)\n"
        "try:\n"
        f"{textwrap.indent(lost, '    ')}"
        "except KeyboardInterrupt:\n"
        "    processes.stop([])\n"
        "    time.sleep(1.5)  # half a second longer than the exception takes to come again\n"
        "    print('ended')\n"
        "    processes.leave(3)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "ended\n", "")


def test_a_first_signal_that_comes_during_the_clean_up_does_not_interrupt_it():
    """As where the demo has failed by itself, and a shell's Ctrl-C follows."""
    script = (
        "import signal, subprocess, sys, threading\n"
        "from pathlib import Path\n"
        "from localcloud import processes\n"
        "processes.end_on_signals(insisting=True)\n"
        "processes._STOP_SECONDS = 1\n"
        "stubborn = 'import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()'\n"
        "popen = subprocess.Popen([sys.executable, '-c', stubborn], stdout=subprocess.PIPE, start_new_session=True)\n"
        "popen.stdout.readline()\n"
        "threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()\n"
        "processes.stop([processes.Process('stubborn', 0, Path(), popen)])\n"
        "print(popen.poll())\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "-9\n", "")


def test_a_signal_is_heard_at_whichever_moment_of_the_waiting_it_comes():
    script = (
        "import signal, sys, threading\n"
        "from localcloud import processes\n"
        "def strike(*_):\n"
        "    signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)\n"
        "    return strike\n"
        "wait = processes.until_signalled()\n"
        "threading.Timer(1, strike).start()\n"
        "sys.settrace(strike)  # at every step that Python takes in this thread\n"
        "wait()\n"
        "sys.settrace(None)\n"
        "print('ended')\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ended\n", "")


def test_what_make_and_a_shell_send_besides_does_not_interrupt_the_clean_up():
    script = (
        "import os, signal\n"
        "from localcloud import processes\n"
        "processes.end_on_signals(insisting=True)\n"
        "try:\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "except KeyboardInterrupt:\n"
        "    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):\n"
        "        signal.raise_signal(number)\n"
        "    processes.stop([])\n"
        "    print('ended')\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ended\n", "")


ALWAYS_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")


@pytest.mark.parametrize(
    ("stdout", "exit_code"), [(">&-", 0), pytest.param("> /dev/full", 1, marks=ALWAYS_FULL), ("", 0)]
)
def test_what_cannot_be_written_at_the_end_is_in_the_exit_code_and_ends_the_process(stdout, exit_code):
    script = "from localcloud import processes; print('a line'); processes.leave(0)"
    shell = f"{shlex.quote(sys.executable)} -c {shlex.quote(script)} {stdout}"
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    ended = subprocess.run(shell, env=buffered, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (exit_code, "")
