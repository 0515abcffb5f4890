"""Lands the demo's past, in ingest's own environment, and shows how far it is."""

import os
import subprocess

from localcloud import demo_report, supervisor
from localcloud.demo_truth import Story
from localcloud.processes import ProcessFailed
from localcloud.set_up import ROOT
from localcloud.supervisor import Laptop


def land_past(laptop: Laptop, story: Story, seed: int) -> None:
    """Returns when every file is in the landing bucket; load is at work by then. Raises ProcessFailed."""
    command = [supervisor.function_python("ingest"), "-m", "localcloud.demo_landing", "--seed", str(seed)]
    command += ["--until", story.past_until.isoformat(), "--clock", str(supervisor.clock_path(laptop.directory))]
    path = {"PYTHONPATH": f"{ROOT}:{ROOT / 'functions' / 'ingest'}"}
    log_path = laptop.directory / "logs" / "past.log"
    files = plays = 0
    with (
        log_path.open("w") as log,
        subprocess.Popen(  # noqa: S603 -- our own command
            command, env={**os.environ, **laptop.settings, **path}, stdout=subprocess.PIPE, stderr=log, text=True
        ) as landing,
    ):
        for line in landing.stdout or ():
            files, plays = files + 1, plays + int(line.split()[1])
            demo_report.show_past(files, plays, line.split()[0])
    if landing.returncode:
        raise ProcessFailed(f"The past could not be landed. The log: {log_path}\n{log_path.read_text()[-2000:]}")
    demo_report.end_past(files, plays)
