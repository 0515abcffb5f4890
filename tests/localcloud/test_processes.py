"""Starting, watching and stopping the laptop cloud's processes."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from localcloud import processes
from localcloud.supervisor import until

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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_no_process_outlives_a_supervisor_that_was_killed(tmp_path):
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISES, LISTENS, tmp_path / "log"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    child = psutil.Process(int(supervisor.stdout.readline()))
    supervisor.kill()
    supervisor.wait()
    assert until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 10)


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
        ({"no_proxy": "a.example,127.0.0.1,localhost"}, {}, "a.example,127.0.0.1,localhost"),
    ],
    ids=["none", "a proxy", "with an exception", "for no host", "done already"],
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


def end_of(script):
    """Exit code, stdout and stderr of a Python process."""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout, ended.stderr


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
    assert end_of(script) == (0, "ended\n", "")


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
    assert end_of(script) == (3, "ended\n", "")


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
    assert end_of(script) == (0, "-9\n", "")


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
    assert end_of(script) == (0, "ended\n", "")


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
    assert end_of(script) == (0, "ended\n", "")


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
