"""A function as the cloud runs it: a process of its own with its own requirements, one request at a time; measured."""

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

from localcloud import processes
from localcloud.gcp.set_up import ROOT
from localcloud.processes import Process
from localcloud.supervisor import function_python

_LOOK_SECONDS = 0.02


def served_function(
    name: str, settings: Mapping[str, str], logs: Path, *, source: Path | None = None, python: str | None = None
) -> AbstractContextManager[Process]:
    """The function behind functions-framework, with the settings of its instance in the cloud.

    `source`: another folder than the function's own; `python`: another interpreter than that of its requirements.
    """
    port = processes.free_port()
    entry = ["--target", name, "--source", str((source or ROOT / "functions" / name) / "main.py")]
    address = ["--host", "127.0.0.1", "--port", str(port)]
    command = [python or function_python(name), "-m", "functions_framework", *entry, *address]
    environment = {**settings, "THREADS": "1", "WORKERS": "1", "PYTHONUNBUFFERED": "1"}
    return processes.running(processes.start(name, command, port, environment, logs / f"{name}.log"))


@dataclass
class Measured:
    """Memory and processor time of a process and all it started, looked at 50 times a second."""

    process: Process
    peak_mib: float = 0.0
    """The most memory, as `Process.memory_mib` counts it: on Linux PSS, each page once however many share it."""
    cpu_seconds: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._before = self._cpu_seconds()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.cpu_seconds = self._cpu_seconds() - self._before

    def _look(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self.peak_mib = max(self.peak_mib, self.process.memory_mib())

    def _cpu_seconds(self) -> float:
        leader = psutil.Process(self.process.popen.pid)
        times = [member.cpu_times() for member in (leader, *leader.children(recursive=True))]
        return sum(time.user + time.system for time in times)
