"""The three build files: their scripts are run with stand-ins for the tools, and a failed tool is a failed step."""

import re

import pytest
import yaml

from tests.terraform.configuration import ROOT

BUILDS = {path.name: yaml.safe_load(path.read_text()) for path in sorted(ROOT.glob("cloudbuild*.yaml"))}
CHECK, PLAN, APPLY = "cloudbuild.yaml", "cloudbuild.plan.yaml", "cloudbuild.apply.yaml"
STEPS = {(file, step["id"]): step for file, build in BUILDS.items() for step in build["steps"]}
TOOLS = {
    (CHECK, "check"): [".ci/run"],
    (CHECK, "decisions"): ["terraform init", "terraform validate", "terraform test"],
    (CHECK, "image"): ["docker build"],
    (PLAN, "settings"): ["gcloud storage"],
    (PLAN, "plan"): ["cp backend.gcs.example", "terraform init", "terraform plan"],
    (APPLY, "image"): ["docker build", "docker push", "docker inspect"],
    (APPLY, "settings"): ["gcloud storage"],
    (APPLY, "plan"): ["cp backend.gcs.example", "terraform init", "terraform plan"],
    (APPLY, "apply"): ["terraform apply"],
    (APPLY, "remember"): ["gcloud storage"],
}
FAILURES = [(step, command) for step, commands in TOOLS.items() for command in commands]


@pytest.fixture
def run(stand_ins, tmp_path):
    def running(step, failing=None, **environment):
        script = tmp_path / "script"
        script.write_text(STEPS[step]["script"])
        script.chmod(0o755)
        answers = dict.fromkeys(("docker", "gcloud", "terraform", "cp", ".ci/run"), "result")
        values = {"IMAGE": "image", "DASHBOARD": "true", "STATE_BUCKET": "state", **environment}
        done, calls = stand_ins([script], answers, failing, **values)
        return done.returncode, calls

    return running


@pytest.mark.parametrize(("step", "command"), FAILURES)
def test_a_tool_that_fails_fails_the_step(run, step, command):
    status, calls = run(step, failing=command)
    assert status != 0
    assert calls[-1].startswith(command)


@pytest.mark.parametrize("step", TOOLS)
def test_a_step_whose_tools_succeed_succeeds(run, step):
    status, calls = run(step)
    assert (status, len(calls)) == (0, len(TOOLS[step]))


def test_only_the_approved_build_pushes_an_image_or_applies_or_writes_the_state():
    changing = re.compile(r"docker push|terraform apply|gcloud storage cp (?!\"gs:)|-lock-timeout")
    assert {file for (file, _), step in STEPS.items() if changing.search(step["script"])} == {APPLY}
    assert "-refresh=false -lock=false" in STEPS[PLAN, "plan"]["script"]


@pytest.mark.parametrize("step", [(CHECK, "image"), (APPLY, "image"), (APPLY, "remember")])
def test_no_image_is_built_when_no_dashboard_is_wanted(run, step):
    assert run(step, DASHBOARD="false") == (0, [])


def test_the_image_is_deployed_by_digest_and_remembered(run, tmp_path):
    run((APPLY, "image"))
    assert (tmp_path / "terraform/dashboard.auto.tfvars").read_text() == 'dashboard_image = "result"\n'
    _, calls = run((APPLY, "remember"))
    assert calls[-1] == "gcloud storage cp terraform/dashboard.auto.tfvars gs://state/dashboard.auto.tfvars"


def test_every_step_is_a_script_that_stops_at_the_first_failure_in_a_pinned_image():
    assert set(STEPS) == set(TOOLS)
    for step in STEPS.values():
        assert re.match(r"#!/bin/(sh\nset -eu|bash\nset -euo pipefail)\n", step["script"]), step["id"]
        assert not re.search(r"\|\||; true|set \+e|&$", step["script"], re.M), step["id"]
        assert not {"allowFailure", "allowExitCodes", "waitFor"} & set(step), step["id"]
        assert re.search(r":\d+\.\d+\.\d+", step["name"]), step["id"]


def test_providers_come_from_the_lock_file_alone():
    inits = [line for step in STEPS.values() for line in step["script"].splitlines() if "terraform init" in line]
    assert inits
    assert [line for line in inits if " -lockfile=readonly" not in line] == []


def test_no_build_file_names_an_identity_or_a_project():
    """The trigger says who a build is."""
    for file, build in BUILDS.items():
        assert "serviceAccount" not in build
        assert build["options"]["logging"] == "CLOUD_LOGGING_ONLY"
        assert set(re.findall(r"projects/([^/]+)/", (ROOT / file).read_text())) == set()


def test_every_substitution_is_one_that_the_trigger_gives():
    bootstrap = (ROOT / "terraform/bootstrap/main.tf").read_text()
    for file, build in BUILDS.items():
        given = re.search(rf'file += "{re.escape(file)}"\n.*\n +substitutions = {{(.*)}}', bootstrap)[1]
        assert set(re.findall(r"(_[A-Z]+) =", given)) == set(build.get("substitutions", {})), file


def test_every_variable_of_a_script_is_given_by_its_step():
    for step in STEPS.values():
        given = {entry.split("=", 1)[0] for entry in step.get("env", [])}
        own = set(re.findall(r"^\s*(\w+)=", step["script"], re.M))
        assert set(re.findall(r"\$\{?([A-Za-z_]\w*)", step["script"])) <= given | own, step["id"]
