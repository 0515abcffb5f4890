"""cloudbuild.yaml: its scripts are run with stand-ins for the tools, and a failed tool is a failed step."""

import re
import subprocess

import pytest
import yaml

from tests.terraform.configuration import ROOT

BUILD = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())
STEPS = {step["id"]: step for step in BUILD["steps"]}
TOOLS = {
    "check": [".ci/run"],
    "decisions": ["terraform init", "terraform validate", "terraform test"],
    "image": ["docker build", "docker push", "docker inspect"],
    "settings": ["gcloud storage"],
    "plan": ["cp backend.gcs.example", "terraform init", "terraform plan"],
    "apply": ["terraform apply"],
}
FAILURES = [(step, command) for step, commands in TOOLS.items() for command in commands]


@pytest.fixture
def run(tmp_path):
    """Runs a step's script where every tool only notes that it was called, and one of them fails."""

    def running(step, failing=None, **environment):
        (tmp_path / ".ci").mkdir(exist_ok=True)
        (tmp_path / "terraform").mkdir(exist_ok=True)
        for tool in ("docker", "gcloud", "terraform", "cp", ".ci/run"):
            path = tmp_path / tool if "/" in tool else tmp_path / "bin" / tool
            path.parent.mkdir(exist_ok=True)
            note = f'echo "{tool} $*" >> "{tmp_path}/calls"'
            path.write_text(f"#!/bin/sh\n{note}\n{refusal(tool, failing)}\necho result\n")
            path.chmod(0o755)
        script = tmp_path / "script"
        script.write_text(STEPS[step]["script"])
        script.chmod(0o755)
        path = f"{tmp_path}/bin:/usr/bin:/bin"
        values = {"IMAGE": "image", "DASHBOARD": "true", "STATE_BUCKET": "state", "APPLY": "true", **environment}
        done = subprocess.run([script], cwd=tmp_path, env={"PATH": path, **values}, capture_output=True, text=True)
        calls = (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []
        return done.returncode, calls

    return running


def refusal(tool, failing):
    words = (failing or "").split(" ", 1)
    if words[0] != tool:
        return ""
    return "exit 9" if len(words) == 1 else f'case "$*" in "{words[1]}"*) exit 9 ;; esac'


@pytest.mark.parametrize(("step", "command"), FAILURES)
def test_a_tool_that_fails_fails_the_step(run, step, command):
    status, calls = run(step, failing=command)
    assert status != 0
    assert calls[-1].startswith(command)


@pytest.mark.parametrize("step", TOOLS)
def test_a_step_whose_tools_succeed_succeeds(run, step):
    status, calls = run(step)
    assert (status, len(calls)) == (0, len(TOOLS[step]))


def test_nothing_is_applied_unless_the_build_was_told_to(run):
    assert run("apply", APPLY="false") == (0, [])
    assert BUILD["substitutions"]["_APPLY"] == "false"


def test_no_image_is_built_when_no_dashboard_is_wanted(run):
    assert run("image", DASHBOARD="false") == (0, [])


def test_the_image_is_deployed_by_digest(run, tmp_path):
    run("image")
    assert (tmp_path / "terraform/dashboard.auto.tfvars").read_text() == 'dashboard_image = "result"\n'


def test_every_step_is_a_script_that_stops_at_the_first_failure_in_a_pinned_image():
    assert set(STEPS) == set(TOOLS)
    for step in BUILD["steps"]:
        assert re.match(r"#!/bin/(sh\nset -eu|bash\nset -euo pipefail)\n", step["script"]), step["id"]
        assert not re.search(r"\|\||; true|set \+e|&$", step["script"], re.M), step["id"]
        assert not {"allowFailure", "allowExitCodes", "waitFor"} & set(step), step["id"]
        assert re.search(r":\d+\.\d+\.\d+", step["name"]), step["id"]


def test_the_build_acts_as_the_deployer_and_names_no_project():
    text = (ROOT / "cloudbuild.yaml").read_text()
    deployer = "deployer@$PROJECT_ID.iam.gserviceaccount.com"
    assert BUILD["serviceAccount"] == f"projects/$PROJECT_ID/serviceAccounts/{deployer}"
    assert BUILD["options"]["logging"] == "CLOUD_LOGGING_ONLY"
    assert set(re.findall(r"projects/([^/]+)/", text)) == {"$PROJECT_ID"}


def test_every_variable_of_a_script_is_given_by_its_step():
    for step in BUILD["steps"]:
        given = {entry.split("=", 1)[0] for entry in step.get("env", [])}
        own = set(re.findall(r"^\s*(\w+)=", step["script"], re.M))
        assert set(re.findall(r"\$\{?([A-Za-z_]\w*)", step["script"])) <= given | own, step["id"]
