"""A function as the cloud runs it: a process of its own with its own requirements, one request at a time."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from localcloud import processes
from localcloud.gcp.set_up import ROOT
from localcloud.processes import Process
from localcloud.supervisor import function_python


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
