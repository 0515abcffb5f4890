from pathlib import Path

import pytest

from cli.console import Misused
from cli.place import in_cloud, terraform_outputs

OUTPUTS = {"GOOGLE_CLOUD_PROJECT": "applied", "LOCATION": "europe-west1", "DATASET": "listening"}


def found(place):
    return place.project, place.region, place.dataset


def test_what_is_typed_counts_more_than_the_environment_and_that_more_than_terraform():
    environ = {"GOOGLE_CLOUD_PROJECT": "from-env", "LOCATION": "us-central1", "DATASET": "plays"}
    assert found(in_cloud("from-env", "asia-east1", environ, dict)) == ("from-env", "asia-east1", "plays")
    assert found(in_cloud(None, None, environ, lambda: OUTPUTS)) == ("from-env", "us-central1", "plays")
    assert found(in_cloud(None, None, {}, lambda: OUTPUTS)) == ("applied", "europe-west1", "listening")
    assert found(in_cloud("applied", None, {}, lambda: OUTPUTS)) == ("applied", "europe-west1", "listening")


def test_who_types_project_and_region_need_not_type_what_else_was_applied():
    outputs = {**OUTPUTS, "DATASET": "plays", "LANDING_BUCKET": "landing", "QUARANTINE_BUCKET": "quarantine"}
    place = in_cloud("applied", "europe-west1", {}, lambda: outputs)
    assert (place.dataset, place.settings["LANDING_BUCKET"]) == ("plays", "landing")
    assert "LANDING_BUCKET" not in in_cloud("another", "europe-west1", {}, lambda: outputs).settings


def test_what_the_environment_says_of_another_project_says_nothing_about_the_typed_one():
    environ = {
        "GOOGLE_CLOUD_PROJECT": "a",
        "LOCATION": "us-central1",
        "LANDING_BUCKET": "a-landing",
        "DATASET": "plays",
    }
    outputs = {**OUTPUTS, "GOOGLE_CLOUD_PROJECT": "b", "LANDING_BUCKET": "b-landing"}
    place = in_cloud("b", None, environ, lambda: outputs)
    assert (*found(place), place.settings["LANDING_BUCKET"]) == ("b", "europe-west1", "listening", "b-landing")
    assert "LANDING_BUCKET" not in in_cloud("c", "asia-east1", environ, lambda: outputs).settings
    unnamed = {"LANDING_BUCKET": "landing"}
    assert in_cloud("b", "asia-east1", unnamed, dict).settings["LANDING_BUCKET"] == "landing"


def test_another_command_acts_at_the_same_place():
    typed = in_cloud("other", "us-east1", {}, dict).command("forget anna")
    assert typed == "`python -m cli forget anna --project other --region us-east1`"
    assert in_cloud(None, None, {}, lambda: OUTPUTS).command("runs") == "`python -m cli runs`"


def test_terraforms_outputs_say_nothing_about_another_project():
    with pytest.raises(Misused, match="Which region"):
        in_cloud("another", None, {}, lambda: OUTPUTS)


def test_an_empty_setting_is_none():
    with pytest.raises(Misused, match=r"Which Google Cloud project.*--laptop"):
        in_cloud(None, None, {"GOOGLE_CLOUD_PROJECT": "", "LOCATION": "us-central1"}, dict)


def test_without_stand_ins_the_addresses_are_the_real_ones():
    place = in_cloud("p", "us-central1", {}, dict)
    assert (place.spotify_accounts_url, place.spotify_api_url) == (
        "https://accounts.spotify.com",
        "https://api.spotify.com",
    )
    assert place.endpoint("SECRETMANAGER_EMULATOR_HOST") is None


@pytest.fixture
def terraform(tmp_path, monkeypatch):
    """A program of that name, which answers as ordered."""

    def answers(script):
        program = tmp_path / "bin" / "terraform"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    return answers


def test_terraforms_settings_are_read_from_its_folder(terraform, tmp_path):
    terraform('[ "$*" = "-chdir=/a/folder output -json -no-color settings" ] && echo \'{"LOCATION": "us-central1"}\'')
    assert terraform_outputs(Path("/a/folder")) == {"LOCATION": "us-central1"}


@pytest.mark.parametrize("script", ["exit 1", "echo 'Warning: no outputs'", "echo '[]'"])
def test_nothing_applied_means_no_settings(terraform, script):
    terraform(script)
    assert terraform_outputs(Path("/a/folder")) == {}


def test_no_terraform_means_no_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert terraform_outputs(Path("/a/folder")) == {}


def test_terraform_hands_over_the_settings_under_these_names():
    folder = Path(__file__).parents[2] / "terraform"
    text = "".join(path.read_text() for path in folder.glob("*.tf"))
    assert 'output "settings"' in text
    for name in OUTPUTS:
        assert name in text
