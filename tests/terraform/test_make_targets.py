"""Targets of the Makefile, run with stand-ins for the tools: what is called, when nothing is, what fails a target."""

import os
import subprocess

import psutil
import pytest

from tests.terraform.configuration import FUNCTIONS, ROOT

IMAGE = "us-central1-docker.pkg.dev/my-heavy-rotation/heavy-rotation/dashboard"
DIGEST = f"{IMAGE}@sha256:{'0' * 64}"
# One image is in the repositories of two projects that were deployed from this computer.
DIGESTS = f"{DIGEST.replace('my-heavy-rotation', 'another-project')}\n{DIGEST}\n"
WARNING = "Warning: No outputs found"  # and the exit code 0: what Terraform says before anything was applied
CHECKS = [
    "terraform validate",
    "terraform test",
    "terraform/bootstrap validate",
    "terraform/bootstrap test",
    "terraform check -var-file=terraform.tfvars.example",
]
ONLINE = [
    "terraform -chdir=terraform validate",
    "terraform -chdir=terraform test",
    "terraform -chdir=terraform/bootstrap init -backend=false -input=false",
    "terraform -chdir=terraform/bootstrap validate",
    "terraform -chdir=terraform/bootstrap test",
]
SBOM = ".venvs/sbom/installed"
FORMAT = "terraform fmt -check -recursive -diff terraform"


@pytest.fixture
def make(stand_ins):
    def making(target, output=IMAGE, failing=None, offline="offline", **variables):
        answers = {"terraform": output, "docker": DIGESTS, "gcloud": "", "git": "0123abc", "offline": "Success! $*"}
        # The environments are there: a target is to be seen, not what setup installs.
        command = ["make", "--no-print-directory", "-f", str(ROOT / "Makefile"), "-o", "setup", "-o", SBOM, target]
        home = os.environ.get("HOME", "/")
        done, calls = stand_ins(command, answers, failing, HOME=home, TERRAFORM_OFFLINE=offline, **variables)
        return done.returncode, done.stdout, [call.split()[0] for call in calls]

    return making


def test_the_image_is_built_pushed_and_named_by_its_digest(make, tmp_path):
    status, printed, calls = make("dashboard-image")
    assert (status, calls) == (0, ["terraform", "gcloud", "docker", "docker", "docker"])
    assert printed.splitlines()[-1] == "Now: make deploy"
    assert (tmp_path / "terraform/dashboard.auto.tfvars").read_text() == f'dashboard_image = "{DIGEST}"\n'
    docker = [call for call in (tmp_path / "calls").read_text().splitlines() if call.startswith("docker ")]
    assert docker == [
        # Cloud Run's machines are not Apple's.
        f"docker build --platform linux/amd64 --tag {IMAGE}:build dashboard",
        f"docker push {IMAGE}:build",
        f"docker inspect --format {{{{range .RepoDigests}}}}{{{{println .}}}}{{{{end}}}} {IMAGE}:build",
    ]


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


def test_terraform_is_checked_in_both_folders_and_applied(make, tmp_path):
    status, printed, _ = make("terraform-check")
    calls = (tmp_path / "calls").read_text().splitlines()
    assert (status, calls) == (0, [*(f"offline --quiet {check}" for check in CHECKS), FORMAT])
    assert [line for line in printed.splitlines() if line.startswith("Success")] == [
        f"Success! --quiet {check}" for check in CHECKS
    ]


@pytest.mark.parametrize("check", CHECKS)
def test_each_check_of_terraform_that_fails_fails_the_target_and_is_shown(make, tmp_path, check):
    status, printed, _ = make("terraform-check", failing=f"offline --quiet {check}")
    assert status != 0
    assert f"--quiet {check} is refused" in printed
    assert (tmp_path / "calls").read_text().splitlines()[-1] == f"offline --quiet {check}"


@pytest.mark.parametrize("check", ONLINE)
def test_each_check_with_the_real_providers_that_fails_fails_the_target(make, tmp_path, check):
    assert make("terraform-check", failing=check, offline="")[0] != 0
    assert (tmp_path / "calls").read_text().splitlines()[-1] == check


def test_terraform_that_cannot_reach_its_providers_is_said_to_be_unchecked(make):
    status, printed, _ = make("terraform-check", failing="terraform -chdir=terraform init", offline="")
    assert (status, "terraform/ was NOT checked" in printed) == (0, True)


def test_terraform_that_is_not_formatted_fails_the_target(make):
    assert make("terraform-check")[0] == 0
    assert make("terraform-check", failing=FORMAT)[0] != 0


@pytest.fixture
def parts(tmp_path):
    """What the target sbom needs: a list of packages for each part, and tools that make what they are asked for."""
    for part in ("functions/ingest", "functions/load", "functions/transform_trigger", "dashboard"):
        (tmp_path / part).mkdir(parents=True)
        (tmp_path / part / "requirements.in").write_text("requests\n")
    tools = {
        ".venv/bin/uv": 'if [ "$1" = venv ]; then for last; do :; done; mkdir -p "$last"; fi',
        ".venvs/sbom/bin/cyclonedx-py": 'while [ "$1" != --output-file ]; do shift; done; touch "$2"',
    }
    for tool, script in tools.items():
        (tmp_path / tool).parent.mkdir(parents=True)
        (tmp_path / tool).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / tool).chmod(0o755)
    return tmp_path / "build/sbom"


def test_each_part_is_listed_with_the_commit_it_is_of(make, parts):
    status, printed, _ = make("sbom")
    assert (status, len(printed.splitlines())) == (0, 4)
    assert {path.name.removesuffix(".cdx.json") for path in parts.iterdir()} == {"dashboard", *FUNCTIONS}


@pytest.mark.parametrize("failing", ["git rev-parse", "git log"])
def test_no_part_is_listed_without_a_commit_or_its_time(make, parts, failing):
    assert make("sbom", failing=failing)[0] != 0
    assert list(parts.glob("*.cdx.json")) == []


def test_no_part_is_listed_without_what_it_asks_for(make, parts, tmp_path):
    (tmp_path / "functions/ingest/requirements.in").unlink()
    assert make("sbom")[0] != 0
    assert list(parts.glob("*.cdx.json")) == []


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        ("run-now", []),
        ("check", []),
        ("repair", []),
        ("forget", ["anna"]),
        ("export", ["anna"]),
        ("import", ["anna", "my_spotify_data.zip"]),
    ],
)
def test_a_command_gets_of_the_shells_variables_what_it_takes(make, tmp_path, target, arguments):
    (tmp_path / ".venv/bin").mkdir(parents=True)
    python = tmp_path / ".venv/bin/python"
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)

    _, printed, _ = make(target, LISTENER="anna", FILES="my_spotify_data.zip")

    assert printed.split() == ["-m", "cli", target, *arguments]


def test_a_check_that_is_stopped_leaves_no_terraform_behind(tmp_path):
    """As when only make gets the signal: a job that CI cancels."""
    offline = tmp_path / "offline"
    offline.write_text("#!/bin/sh\nsleep 600 & echo $! >&5; wait\n")
    offline.chmod(0o755)
    read, write = os.pipe()
    command = ["make", "-f", str(ROOT / "Makefile"), "-o", "setup", "terraform-check"]
    command = ["bash", "-c", f'exec 5>&{write}; exec "$@"', "bash", *command]
    environment = {"PATH": os.environ["PATH"], "TERRAFORM_OFFLINE": str(offline)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, pass_fds=[write], stderr=subprocess.DEVNULL) as run:
        os.close(write)
        step = psutil.Process(int(os.read(read, 10)))
        os.close(read)
        run.terminate()
        assert run.wait(60) != 0
    # The trap does not wait for what it ends.
    assert psutil.wait_procs([step], timeout=60)[1] == []
