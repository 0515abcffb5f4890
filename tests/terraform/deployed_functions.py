"""The functions as the cloud would run them: from their zips, each with its own packages, settings and process."""

import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor

import requests
from google.cloud import bigquery

from localcloud import processes
from localcloud.gcp.eventarc.cloud_events import FINALIZED, MESSAGE_PUBLISHED
from localcloud.gcp.eventarc.eventarc import to_url
from tests.terraform.configuration import FUNCTIONS, ROOT, settings_of

UV = ROOT / ".venv/bin/uv"
# How Cloud Functions starts each: by CloudEvent when it has an event trigger, which only load has.
SIGNATURES = {"ingest": "http", "load": "cloudevent", "transform_trigger": "http"}
# What leads to the laptop instead of to Google; everything else must come from Terraform.
LAPTOP_ONLY = ("_EMULATOR_HOST", "_CREDENTIALS", "SPOTIFY_ACCOUNTS_URL", "SPOTIFY_API_URL")
CHOSEN = {
    "AUDIO_FEATURES_SOURCE": "off",
    "CATALOGUE_TRACKS_PER_RUN": "40",
    "SPARK_SUBNETWORK": "projects/heavy-rotation-laptop/regions/us-central1/subnetworks/spark",
    "TOP_TRACKS_MIN_INTERVAL_MINUTES": "0",
}


def install(zip_path, directory):
    """Unpack, install exactly the zip's own requirements into an empty environment, compile every file."""
    folder, environment = directory / zip_path.stem, directory / f"{zip_path.stem}-packages"
    zipfile.ZipFile(zip_path).extractall(folder)
    run(UV, "venv", "--quiet", "--python", sys.executable, environment)
    requirements = folder / "requirements.txt"
    run(UV, "pip", "sync", "--quiet", "--require-hashes", "--python", environment, requirements)
    run(environment / "bin/python", "-m", "compileall", "-f", "-q", ".", cwd=folder)
    return folder, environment


def run(*command, cwd=None):
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr + done.stdout


class DeployedFunctions:
    def __init__(self, cloud, spotify_url, zips, directory):
        self.cloud, self.processes, self.events = cloud, {}, []
        environment = cloud.environment | {"SPOTIFY_ACCOUNTS_URL": spotify_url, "SPOTIFY_API_URL": spotify_url}
        self._values = CHOSEN | environment
        with ThreadPoolExecutor() as pool:
            installed = list(pool.map(lambda name: install(zips[name], directory), FUNCTIONS))
        try:
            for name, (folder, packages) in zip(FUNCTIONS, installed, strict=True):
                self.processes[name] = self._start(name, folder, packages, directory)
            processes.wait_until_listening(list(self.processes.values()))
        except BaseException:
            self.stop()
            raise
        cloud.subscribe(FINALIZED, self._remember(to_url(self.url("load"))), environment["LANDING_BUCKET"])
        push = self._remember(to_url(self.url("transform_trigger")))
        cloud.subscribe(MESSAGE_PUBLISHED, push, environment["PLAYS_LOADED_TOPIC"])

    def url(self, name):
        return self.processes[name].url

    def stop(self):
        processes.stop(list(self.processes.values()))

    def call_ingest(self, slot):
        headers = {"X-CloudScheduler-ScheduleTime": slot.isoformat()}
        return requests.post(self.url("ingest"), headers=headers, timeout=60)

    def deliver(self):
        """All events, and those they lead to: the statuses of the answers."""
        statuses = []
        while tried := self.cloud.deliver_pending():
            statuses += [status for _, status in tried]
        return statuses

    def deliver_again(self):
        return [deliver(headers, body) for deliver, headers, body in list(self.events)]

    def rows(self, sql):
        client = bigquery.Client(self.cloud.environment["GOOGLE_CLOUD_PROJECT"], location="us-central1")
        return [dict(row) for row in client.query_and_wait(sql)]

    def _start(self, name, folder, packages, directory):
        port = processes.free_port()
        log_path = directory / f"{name}.log"
        command = [packages / "bin/functions-framework", "--target", name, "--signature-type", SIGNATURES[name]]
        settings = [*sorted(settings_of(name)), *(key for key in self._values if key.endswith(LAPTOP_ONLY))]
        environment = {setting: self._values[setting] for setting in settings}
        # In the folder of the function, with nothing of this project in reach.
        shell = ["env", "-i", f"PATH={os.environ['PATH']}", *(f"{key}={value}" for key, value in environment.items())]
        words = [*shell, "WORKERS=1", "THREADS=1", *map(str, command), "--host", "127.0.0.1", "--port", str(port)]
        return processes.start(name, words, port, {}, log_path, folder)

    def _remember(self, deliver):
        def remembering(headers, body):
            self.events.append((deliver, headers, body))
            return deliver(headers, body)

        return remembering
