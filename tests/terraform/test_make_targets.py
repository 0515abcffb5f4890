"""`make deploy` and `make dashboard-image`, run with stand-ins for the tools: what is called, and when nothing is."""

import os
import subprocess

import pytest

from tests.terraform.configuration import ROOT

IMAGE = "us-central1-docker.pkg.dev/my-heavy-rotation/heavy-rotation/dashboard"
DIGEST = f"{IMAGE}@sha256:{'0' * 64}"
WARNING = "Warning: No outputs found"  # and the exit code 0: what Terraform says before anything was applied


@pytest.fixture
def make(tmp_path):
    """Runs a target in an empty folder where every tool only notes that it was called; `failing` ends with an error."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "terraform").mkdir()

    def making(target, output=IMAGE, failing=None):
        answers = {"terraform": output, "docker": DIGEST, "gcloud": ""}
        for tool, answer in answers.items():
            script = f'#!/bin/sh\necho "{tool} $*" >> calls\necho "{answer}"\n'
            refusal = f'case "{tool} $*" in "{failing}"*) exit 9 ;; esac\n' if failing else ""
            path = tmp_path / "bin" / tool
            path.write_text(script + refusal)
            path.chmod(0o755)
        command = ["make", "--no-print-directory", "-f", str(ROOT / "Makefile"), target]
        environment = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        calls = (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []
        return done.returncode, done.stdout, [call.split()[0] for call in calls]

    return making


def test_the_image_is_built_pushed_and_named_by_its_digest(make, tmp_path):
    status, printed, calls = make("dashboard-image")
    assert (status, calls) == (0, ["terraform", "gcloud", "docker", "docker", "docker"])
    assert printed.splitlines()[-1] == "Now: make deploy"
    assert (tmp_path / "terraform/dashboard.auto.tfvars").read_text() == f'dashboard_image = "{DIGEST}"\n'
    # Cloud Run's machines are not Apple's.
    assert f"docker build --platform linux/amd64 --tag {IMAGE}:build dashboard" in (tmp_path / "calls").read_text()


@pytest.mark.parametrize("output", [WARNING, "", "switched off"])
def test_without_a_name_from_terraform_nothing_is_built(make, tmp_path, output):
    status, printed, calls = make("dashboard-image", output=output)
    assert (status != 0, calls) == (True, ["terraform"])
    assert "make deploy first" in printed
    assert not (tmp_path / "terraform/dashboard.auto.tfvars").exists()


@pytest.mark.parametrize("failing", ["gcloud auth", "docker build", "docker push", "docker inspect"])
def test_a_tool_that_fails_leaves_the_image_that_runs_as_it_is(make, tmp_path, failing):
    status, printed, _ = make("dashboard-image", failing=failing)
    assert status != 0
    assert "Now: make deploy" not in printed
    assert not (tmp_path / "terraform/dashboard.auto.tfvars").exists()


def test_deploy_asks_for_the_settings_before_it_does_anything(make, tmp_path):
    status, printed, calls = make("deploy")
    assert (status != 0, calls) == (True, [])
    assert "Copy terraform/terraform.tfvars.example to terraform/terraform.tfvars" in printed
    (tmp_path / "terraform/terraform.tfvars").touch()
    assert make("deploy")[2] == ["terraform", "terraform"]


def test_what_cannot_be_initialised_is_not_applied(make, tmp_path):
    (tmp_path / "terraform/terraform.tfvars").touch()
    status, _, calls = make("deploy", failing="terraform -chdir=terraform init")
    assert (status != 0, calls) == (True, ["terraform"])
