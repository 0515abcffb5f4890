"""Every setting that a part reads is set by Terraform, and Terraform sets none that no part reads."""

import re

import pytest

from tests.terraform.configuration import FUNCTIONS, ROOT, TERRAFORM, settings_of, settings_read_by

# Addresses of the laptop or of an imitation of Spotify, which have defaults in the cloud, and what Cloud Run sets.
NOT_IN_THE_CLOUD = {
    "BIGQUERY_EMULATOR_HOST",
    "DATAPROC_EMULATOR_HOST",
    "K_SERVICE",
    "PUBSUB_EMULATOR_HOST",
    "RECCOBEATS_API_URL",
    "SECRETMANAGER_EMULATOR_HOST",
    "SPOTIFY_ACCOUNTS_URL",
    "SPOTIFY_API_URL",
}


@pytest.mark.parametrize("part", [*FUNCTIONS, "dashboard"])
def test_terraform_sets_what_the_part_reads(part):
    assert settings_read_by(part) - NOT_IN_THE_CLOUD == settings_of(part)


def test_the_secrets_file_is_mounted_in_the_home_of_the_image():
    mounted = re.search(r'mount_path = "(.+)"', (TERRAFORM / "dashboard.tf").read_text())[1]
    home = re.search(r"^ENV .*\bHOME=(\S+)", (ROOT / "dashboard/Dockerfile").read_text(), re.MULTILINE)[1]
    assert mounted == f"{home}/.streamlit"
