"""Serves the dashboard over a running laptop cloud, until Ctrl-C."""

import os
import subprocess
import sys

from localcloud.processes import free_port
from localcloud.set_up import ROOT
from localcloud.supervisor import Laptop

# On the laptop nobody is asked who they are: the server listens on 127.0.0.1 only.
_SETTINGS = {"DASHBOARD_ACCESS": "laptop"}


def serve(laptop: Laptop) -> int:
    """The exit code of Streamlit; its output goes to the terminal."""
    port = free_port()
    print(f"\nThe dashboard: http://127.0.0.1:{port} (Ctrl-C stops it)", flush=True)
    options = [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]
    return subprocess.run(  # noqa: S603 -- our own command
        [sys.executable, "-m", "streamlit", "run", "server.py", *options],
        cwd=ROOT / "dashboard",
        env={**os.environ, **laptop.settings, **_SETTINGS},
        check=False,
    ).returncode
