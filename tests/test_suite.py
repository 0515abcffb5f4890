"""The suite itself: a run that is stopped leaves no process behind, and every run ends with where the time went."""

import itertools
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests import conftest

ROOT = Path(__file__).parents[1]
HANGS = """
import subprocess, sys, time

def test_that_starts_a_process_and_never_ends():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    print("child", child.pid, file=sys.__stderr__, flush=True)
    while True:
        time.sleep(0.1)  # a signal that comes just before it is heard after it
"""

DRAWS = """
from pathlib import Path
import hypothesis

DRAWN = []

@hypothesis.given(hypothesis.strategies.integers())
def test_draws(number):
    DRAWN.append(number)

def test_they_are_kept():
    with Path(__file__).with_name("draws").open("a") as file:
        print(DRAWN, file=file)
"""

# What the guard compares, and a statement that leaves it changed.
LEFT_BEHIND = {
    "settings": 'os.environ["LISTENER"] = "ada"',
    "folder": 'os.chdir("/")',
    # The variable is gone again: it is a setting and would be noticed as one.
    "zone": 'os.environ["TZ"] = "Asia/Tokyo"; time.tzset(); del os.environ["TZ"]',
    "locale": 'locale.setlocale(locale.LC_ALL, "C")',
    "log": "logging.disable(logging.ERROR)",
    "log_too": "logging.root.setLevel(logging.DEBUG)",
    "signals": "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "signals_too": "signal.signal(signal.SIGHUP, lambda *_: None)",
    "umask": "os.umask(0o123)",
    "sockets": "socket.setdefaulttimeout(7)",
    "recursion": "sys.setrecursionlimit(sys.getrecursionlimit() + 1)",
}


@pytest.mark.parametrize(
    ("number", "workers"),
    [(signal.SIGINT, []), (signal.SIGTERM, []), (signal.SIGTERM, ["-n", "1"])],
    ids=["SIGINT", "SIGTERM", "SIGTERM with a worker"],
)
def test_a_run_that_is_stopped_leaves_no_process_behind(tmp_path, number, workers):
    """Also when it runs as a background job of a shell, which ignores SIGINT."""
    (tmp_path / "test_hangs.py").write_text(HANGS)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "tests.conftest", *workers, tmp_path]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    ) as run:
        pid = next(int(line.split()[1]) for line in run.stderr if line.startswith("child "))
        family = [psutil.Process(pid), *psutil.Process(run.pid).children(recursive=True)]
        run.send_signal(number)
        assert run.wait(60) != 0
    assert [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE] == []


def test_every_name_by_which_the_suite_orders_and_chooses_is_of_a_file():
    names = [*conftest.SLOW, *conftest.IN_SHORT, *conftest.ELSEWHERE, *itertools.chain(*conftest.IN_ONE_WORKER)]
    assert [name for name in names if not any(ROOT.glob(f"{name}*"))] == []


def test_a_run_ends_with_the_seconds_of_each_folder(tmp_path):
    (tmp_path / "test_passes.py").write_text("def test_it(): pass")
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "--durations=20", "--durations-min=0", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "slowest 20 durations" in done.stdout
    assert "seconds per folder" in done.stdout


def test_examples_of_a_property_do_not_depend_on_what_else_is_loaded(tmp_path):
    (tmp_path / "test_draws.py").write_text(DRAWS)
    (tmp_path / "test_another.py").write_text("import cli.command_line\n\ndef test_it(): pass")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest"]
    for files in (["test_draws.py"], ["test_another.py", "test_draws.py"]):
        subprocess.run([*command, *(tmp_path / file for file in files)], cwd=ROOT, check=True)
    alone, in_company = (tmp_path / "draws").read_text().splitlines()
    assert alone == in_company


def test_a_module_that_leaves_the_process_changed_ends_with_an_error(tmp_path):
    """One run for all: each module is compared with what the one before has left."""
    imports = "import locale, logging, os, signal, socket, sys, time"
    harmless = {
        "nothing": "pass",
        "paths": 'sys.path.append("/nowhere")',
        "paths_too": 'assert "/nowhere" not in sys.path',
    }
    for name, change in {**harmless, **LEFT_BEHIND}.items():
        (tmp_path / f"test_{name}.py").write_text(f"{imports}\n\ndef test_it():\n    {change}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", tmp_path]
    environment = {name: value for name, value in os.environ.items() if name not in ("LC_ALL", "TZ")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    noticed = re.findall(r"^E +\{'(\w+)': .*\} != ", done.stdout, re.MULTILINE)
    assert sorted(noticed) == sorted(name.removesuffix("_too") for name in LEFT_BEHIND)
    failed = re.findall(r"^ERROR .*test_(\w+)\.py::test_it\b", done.stdout, re.MULTILINE)
    assert sorted(failed) == sorted(LEFT_BEHIND)
