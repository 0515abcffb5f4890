"""Starts, watches and stops the processes of the laptop cloud; each has a log file that is named when it fails."""

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import NoReturn
from urllib.request import getproxies

import psutil

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_AGAIN_SECONDS = 1.0
_TAIL_LINES = 15
_PORTS = range(20_000, 30_000)
"""Below the ports that Linux (32768 on) and macOS (49152 on) give to processes that leave the choice to them."""
_PR_SET_PDEATHSIG = 1

_reserved: list[socket.socket] = []


class ProcessFailed(Exception):
    """A process of the laptop cloud did not start, or ended by itself."""


@dataclass
class Process:
    """One running part: its name, where it listens and where its log is."""

    name: str
    port: int
    log_path: Path
    popen: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def check(self) -> None:
        """Raises ProcessFailed with the end of the log when the process has ended."""
        code = self.popen.poll()
        if code is not None:
            raise ProcessFailed(f"{self.name} ended with exit code {code}.\n{_tail(self.log_path)}")

    def memory_mib(self) -> float:
        """Memory of the process and all it started, in MiB: each one's fair share of common pages on Linux."""
        leader = psutil.Process(self.popen.pid)
        family = [leader, *leader.children(recursive=True)]
        is_linux = sys.platform == "linux"
        return sum(each.memory_full_info().pss if is_linux else each.memory_info().rss for each in family) / 2**20


def free_port() -> int:
    """A port of 127.0.0.1 on which no process listens, reserved until this process ends.

    The reservation is the UDP port of the same number, which one socket of this computer has at a time. A port that the
    system picks and that is closed again may be given to another process before the one that it is meant for listens on
    it.
    """
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        lock = socket.socket(type=socket.SOCK_DGRAM)
        with socket.socket() as probe, suppress(OSError):
            lock.bind(("127.0.0.1", port))
            probe.bind(("127.0.0.1", port))
            _reserved.append(lock)
            return port
        lock.close()
    raise ProcessFailed(f"No port of 127.0.0.1 from {_PORTS.start} to {_PORTS.stop - 1} is free.")


def call_directly() -> None:
    """This process and all that it starts call the laptop cloud through no proxy, and ignore ~/.netrc.

    A proxy would read tokens and plays. And where ~/.netrc has a `default` line, `requests` replaces the token of every
    call by its password: the laptop cloud refuses the call, and Spotify and Google receive the password.
    """
    os.environ["NETRC"] = os.devnull
    proxies = getproxies()  # on a Mac also the system's, which a variable for exceptions alone would hide
    given = proxies.get("no", "")
    if given != "*":  # which means every host only where it stands alone
        hosts = [*filter(None, given.split(",")), "127.0.0.1", "localhost"]
        proxies["no"] = ",".join(dict.fromkeys(hosts))  # this process may have been started by one that did so
    os.environ.update({f"{kind}_proxy": value for kind, value in proxies.items()})
    os.environ["NO_PROXY"] = proxies["no"]


def end_on_signals(*, insisting: bool = False) -> None:
    """SIGTERM ends this process as Ctrl-C does; so do a closed terminal and, where a shell had it ignored, SIGINT.

    `insisting`: signals after the first are ignored, and it comes again every second until `stop` begins, as one
    KeyboardInterrupt may come to nothing. It can strike urllib3 between taking a lock and the block that gives it back,
    and the way out waits for that lock; Python drops it in a finalizer.
    """
    handler = _insist if insisting else signal.default_int_handler
    for number in (signal.SIGTERM, signal.SIGINT, *([signal.SIGALRM] if insisting else [])):
        signal.signal(number, handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        signal.signal(signal.SIGHUP, handler)


def _insist(_number: int, _frame: FrameType | None, /) -> NoReturn:
    _ignore_signals()  # make and its shell send one each
    signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS, _AGAIN_SECONDS)
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def until_signalled() -> Callable[[], object]:
    """From now on SIGTERM and Ctrl-C no longer end this process: what this returns waits for the first of them."""
    signals = SimpleQueue[int]()  # an Event's set() would wait for the lock that the wait() it interrupts may hold
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: signals.put(number))
    return signals.get


def leave(exit_code: int) -> NoReturn:
    """End this process without Python's finalizers: a lock that a signal has left taken would keep them for ever.

    The exit code is 1 instead of 0 where the last output cannot be written.
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None: it was closed at the start
        try:
            stream.flush()
        except OSError:  # the reader has gone, or the disk is full
            exit_code = exit_code or 1
    os._exit(exit_code)


def start(
    name: str,
    command: Sequence[str],
    port: int,
    environment: Mapping[str, str],
    log_path: Path,
    directory: Path | None = None,
) -> Process:
    """Start a command in a session of its own, so that one signal reaches all it starts; here, or in a directory."""
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with open(log_path, "ab", opener=partial(os.open, mode=0o600)) as log:
        popen = subprocess.Popen(  # noqa: S603 -- our own commands
            command,
            cwd=directory,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
    return Process(name, port, log_path, popen)


def wait_until_listening(processes: Sequence[Process]) -> None:
    """Returns when every process listens on its port; raises ProcessFailed when one ends or takes too long.

    Itself or by a child: another user of the computer may read the port in the list of processes, and be quicker.
    """
    deadline = time.monotonic() + _START_SECONDS
    for process in processes:
        while not _listens(process):
            process.check()
            if time.monotonic() > deadline:
                raise ProcessFailed(
                    f"{process.name} did not listen within {_START_SECONDS:.0f} s.\n{_tail(process.log_path)}"
                )
            time.sleep(0.02)


@contextmanager
def running(process: Process) -> Iterator[Process]:
    """A started process, from when it listens to the end of the block. Raises ProcessFailed."""
    try:
        wait_until_listening([process])
        yield process
    finally:
        stop([process])


def stop(processes: Sequence[Process]) -> None:
    """End every process and all that it started; politely first. No signal interrupts it in a process that insists."""
    if signal.getsignal(signal.SIGALRM) is _insist:
        _ignore_signals()
        signal.setitimer(signal.ITIMER_REAL, 0)
    for process in processes:
        _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    for process in processes:
        try:
            process.popen.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _signal_group(process, signal.SIGKILL)
            process.popen.wait()
    for process in processes:  # what a killed or finished leader has left in its session
        _signal_group(process, signal.SIGKILL)


def _signal_group(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group whose members have all ended
        os.killpg(process.popen.pid, number)


def end_with_parent() -> None:
    """For `preexec_fn`, so it runs in the new process: Linux ends it when the parent dies, however it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _listens(process: Process) -> bool:
    with socket.socket() as probe:  # first, as it costs less than looking at processes
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", process.port)):
            return False
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # one of them has just ended
        leader = psutil.Process(process.popen.pid)
        sockets = [each for one in (leader, *leader.children(recursive=True)) for each in one.net_connections("tcp4")]
        return any(each.status == psutil.CONN_LISTEN and each.laddr == ("127.0.0.1", process.port) for each in sockets)
    return False


def _tail(path: Path) -> str:
    lines = path.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
    return "\n".join([f"The end of its log, {path}:", *(f"  {line}" for line in lines)])
