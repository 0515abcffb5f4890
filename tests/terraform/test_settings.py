"""Every setting that a part reads is set by Terraform, and Terraform sets none that no part reads."""

import importlib.util
import re
import sys

import pytest

from tests.terraform.configuration import ROOT, TERRAFORM, settings_of

# Addresses that lead to the laptop, or to an imitation of Spotify. In the cloud each has its default.
NOT_IN_THE_CLOUD = {
    "BIGQUERY_EMULATOR_HOST",
    "DATAPROC_EMULATOR_HOST",
    "PUBSUB_EMULATOR_HOST",
    "RECCOBEATS_API_URL",
    "SECRETMANAGER_EMULATOR_HOST",
    "SPOTIFY_ACCOUNTS_URL",
    "SPOTIFY_API_URL",
}
PYTHON_FILES = sorted([*ROOT.glob("functions/*/*.py"), *ROOT.glob("dashboard/settings.py")])
SETTINGS_FILES = [path for path in PYTHON_FILES if "\nclass Settings:" in path.read_text()]


VALUES = {
    "AUDIO_FEATURES_SOURCE": "off",
    "CATALOGUE_TRACKS_PER_RUN": "40",
    "DASHBOARD_LISTENERS": "{}",
    "DASHBOARD_VIEWERS": "{}",
    "DASHBOARD_ACCESS": "iap",
    "MAXIMUM_BYTES_BILLED": "1",
    "PLAYS_BOUNDS": "{}",
    "SCHEDULE": "0 * * * *",
    "SCHEDULE_SINCE": "2026-11-24T12:00:00Z",
    "SPARK_JOB_URI": "gs://code/top_tracks.py",
    "SPARK_SERVICE_ACCOUNT": "spark@project",
    "TOP_TRACKS_MIN_INTERVAL_MINUTES": "0",
}


class RecordedEnviron(dict):
    """An environment in which everything is set, and that remembers what was asked for."""

    def __init__(self):
        self.names = set()

    def get(self, name, default=None):
        self.names.add(name)
        return VALUES.get(name, "https://x" if name.endswith("_URL") else "value")

    def __getitem__(self, name):
        return self.get(name)


@pytest.mark.parametrize("path", SETTINGS_FILES, ids=lambda path: path.parent.name)
def test_terraform_sets_what_the_part_reads(path, monkeypatch):
    monkeypatch.syspath_prepend(str(path.parent))
    spec = importlib.util.spec_from_file_location(f"{path.stem}_for_terraform", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    environ = RecordedEnviron()
    module.Settings.from_env(environ)
    assert environ.names - NOT_IN_THE_CLOUD == settings_of(path.parent.name)


def test_the_secrets_file_is_mounted_in_the_home_of_the_image():
    mounted = re.search(r'mount_path = "(.+)"', (TERRAFORM / "dashboard.tf").read_text())[1]
    home = re.search(r"^ENV .*\bHOME=(\S+)", (ROOT / "dashboard/Dockerfile").read_text(), re.MULTILINE)[1]
    assert mounted == f"{home}/.streamlit"


def test_every_function_has_settings_to_compare():
    assert {path.parent.name for path in SETTINGS_FILES} >= {"ingest", "load", "transform_trigger"}
