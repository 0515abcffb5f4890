"""Starts, watches and stops the processes of the laptop cloud; each has a log file that is named when it fails."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_TAIL_LINES = 15


class ProcessFailed(Exception):  # noqa: N818 -- reads as what happened
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
        return sum(_resident_bytes(member) for member in family) / 2**20


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end_on_signals() -> None:
    """SIGTERM ends this process as Ctrl-C does, and so does SIGINT where a shell in the background had it ignored."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)


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
    with log_path.open("ab") as log:
        popen = subprocess.Popen(  # noqa: S603 -- our own commands
            command,
            cwd=directory,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
    return Process(name, port, log_path, popen)


def wait_until_listening(processes: Sequence[Process]) -> None:
    """Returns when every process accepts connections; raises ProcessFailed when one ends or takes too long."""
    deadline = time.monotonic() + _START_SECONDS
    for process in processes:
        while not _accepts(process.port):
            process.check()
            if time.monotonic() > deadline:
                raise ProcessFailed(
                    f"{process.name} did not listen within {_START_SECONDS:.0f} s.\n{_tail(process.log_path)}"
                )
            time.sleep(0.02)


def stop(processes: Sequence[Process]) -> None:
    """End every process and all that it started; politely first."""
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
    try:
        os.killpg(process.popen.pid, number)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group whose members have all ended
        return


def _end_with_parent() -> None:
    """Runs in the new process: have Linux end it when the parent dies, however it dies."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1 is PR_SET_PDEATHSIG


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _tail(path: Path) -> str:
    lines = path.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
    return "\n".join([f"The end of its log, {path}:", *(f"  {line}" for line in lines)])


def _resident_bytes(process: psutil.Process) -> int:
    if sys.platform == "linux":
        return int(process.memory_full_info().pss)
    return int(process.memory_info().rss)
