"""Serves the dashboard over a running laptop cloud."""

import sys
from contextlib import AbstractContextManager

from localcloud import processes
from localcloud.gcp.set_up import ROOT
from localcloud.processes import Process
from localcloud.supervisor import RunningCloud

DASHBOARD = ROOT / "dashboard"


def serving(laptop: RunningCloud) -> AbstractContextManager[Process]:
    """The dashboard's server, from when it listens to the end of the block; raises ProcessFailed."""
    port = processes.free_port()
    options = [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]
    command = [sys.executable, "-m", "streamlit", "run", "server.py", *options]
    log_path = laptop.directory / "logs" / "dashboard.log"
    return processes.running(processes.start("dashboard", command, port, environment(laptop), log_path, DASHBOARD))


def environment(laptop: RunningCloud) -> dict[str, str]:
    """The settings with which the dashboard reads this laptop cloud, without sign-in: 127.0.0.1 alone reaches it."""
    return {**laptop.settings, "DASHBOARD_ACCESS": "laptop"}
