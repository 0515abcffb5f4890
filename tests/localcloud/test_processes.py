"""Starting, watching and stopping the laptop cloud's processes."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from localcloud import processes

ROOT = Path(__file__).parents[2]
LISTENS = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"
SUPERVISES = """
import sys, time
from pathlib import Path
from localcloud import processes
port = processes.free_port()
child = processes.start("child", [sys.executable, "-c", sys.argv[1], str(port)], port, {}, Path(sys.argv[2]))
processes.wait_until_listening([child])
print(child.popen.pid, flush=True)
time.sleep(60)
"""
STARTS_A_CHILD = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[2], sys.argv[1]]).wait()"


@pytest.fixture
def start(tmp_path):
    started = []

    def start(name, code, *arguments, port=None):
        port = port or processes.free_port()
        command = [sys.executable, "-c", code, str(port), *arguments]
        started.append(processes.start(name, command, port, {}, tmp_path / "logs" / f"{name}.log"))
        return started[-1]

    yield start
    processes.stop(started)


def test_a_process_that_ends_at_once_is_named_with_its_exit_code_and_the_end_of_its_log(start, tmp_path):
    broken = start("load", "import sys; print('no such module: merge'); sys.exit(3)")
    with pytest.raises(processes.ProcessFailed) as failed:
        processes.wait_until_listening([broken])
    assert str(failed.value) == (
        f"load ended with exit code 3.\nThe end of its log, {tmp_path}/logs/load.log:\n  no such module: merge"
    )


def test_a_port_is_given_once_and_not_where_a_process_listens(monkeypatch):
    given = processes.free_port()
    with socket.create_server(("127.0.0.1", 0)) as server:
        for port in (given, server.getsockname()[1]):
            monkeypatch.setattr(processes, "_PORTS", range(port, port + 1))
            with pytest.raises(processes.ProcessFailed, match=f"from {port} to {port} is free"):
                processes.free_port()


def test_waiting_ends_when_every_process_accepts_connections(start):
    first, second = start("first", LISTENS), start("second", LISTENS)
    processes.wait_until_listening([first, second])
    first.check()
    assert first.log_path.stat().st_mode & 0o077 == 0
    assert second.memory_mib() > 1


def test_a_port_on_which_a_stranger_was_quicker_is_not_the_process(start):
    ended = r"(?s)ingest ended with exit code 1.*Address already in use"
    with (
        socket.create_server(("127.0.0.1", processes.free_port())) as stranger,
        pytest.raises(processes.ProcessFailed, match=ended),
    ):
        processes.wait_until_listening([start("ingest", LISTENS, port=stranger.getsockname()[1])])


def test_stopping_ends_a_process_with_all_that_it_has_started(start):
    parent = start("parent", STARTS_A_CHILD, LISTENS)
    processes.wait_until_listening([parent])
    [child] = psutil.Process(parent.popen.pid).children()
    processes.stop([parent])
    assert psutil.wait_procs([child], timeout=5)[1] == []
    assert parent.popen.poll() is not None


def test_stopping_twice_or_after_the_end_is_harmless(start):
    ended = start("ended", "pass")
    ended.popen.wait(30)
    processes.stop([ended])
    processes.stop([ended])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_no_process_outlives_a_supervisor_that_was_killed(tmp_path):
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISES, LISTENS, tmp_path / "log"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    child = psutil.Process(int(supervisor.stdout.readline()))
    supervisor.kill()
    supervisor.wait()
    deadline = time.monotonic() + 10
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("given", "through", "exceptions"),
    [
        ({}, {}, "127.0.0.1,localhost"),
        ({"HTTPS_PROXY": "http://p:1"}, {"https": "http://p:1"}, "127.0.0.1,localhost"),
        (
            {"http_proxy": "http://p:1", "NO_PROXY": "a.example"},
            {"http": "http://p:1"},
            "a.example,127.0.0.1,localhost",
        ),
        ({"http_proxy": "http://p:1", "no_proxy": "*"}, {"http": "http://p:1"}, "*"),
    ],
    ids=["none", "a proxy", "with an exception", "for no host"],
)
def test_this_computer_is_called_directly_and_others_as_before(given, through, exceptions):
    code = """
import json, os, urllib.request
from localcloud.processes import call_directly
call_directly()
print(json.dumps([urllib.request.getproxies(), os.environ["NO_PROXY"], bool(urllib.request.proxy_bypass("127.0.0.1"))]))
"""
    environment = {"PATH": os.environ["PATH"], **given}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert json.loads(done.stdout) == [{**through, "no": exceptions}, exceptions, True]
