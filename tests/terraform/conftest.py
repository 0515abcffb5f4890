import json
import os
import re
import shlex
import subprocess

import pytest

from tests.terraform.configuration import FUNCTIONS, TERRAFORM, make_zip

REPOSITORY = "projects/my-heavy-rotation/locations/us-central1/connections/github/repositories/heavy-rotation"


class Deployment:
    """What an apply of a folder makes, according to Terraform itself."""

    def __init__(self, command, directory, folder, *variables):
        self.directory, self._variables = directory, variables
        self._command = [*shlex.split(command), "--quiet", "--work", str(directory), str(folder)]
        output = self._run("apply", "-auto-approve", "-input=false", "-no-color", *variables)
        self.made = int(re.search(r"Apply complete! Resources: (\d+) added", output)[1])
        state = json.loads(self._run("show", "-json"))
        self.outputs = {name: output["value"] for name, output in state["values"]["outputs"].items()}
        self.resources = list(_resources(state["values"]["root_module"]))

    def read_state(self):
        """The state as Terraform keeps it."""
        [path] = [path for path in self.directory.rglob("terraform.tfstate") if path.parent.name != ".terraform"]
        return json.loads(path.read_text())

    def plan(self, state):
        """What an apply would do where the state was this one: action by address, without what stays as it is."""
        path = self.directory / "other.tfstate"
        path.write_text(json.dumps(state))
        output = self._run("plan", "-json", "-input=false", "-refresh=false", f"-state={path}", *self._variables)
        events = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        changes = [event["change"] for event in events if event["type"] == "planned_change"]
        return {change["resource"]["addr"]: change["action"] for change in changes}

    def of_type(self, kind):
        return {resource["address"]: resource["values"] for resource in self.resources if resource["type"] == kind}

    def zip(self, function):
        (path,) = self.directory.rglob(f"build/functions/{function}.zip")
        return path

    def _run(self, *arguments):
        done = subprocess.run([*self._command, *arguments], capture_output=True, text=True, timeout=110)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout


def _resources(module):
    yield from (resource for resource in module.get("resources", []) if resource["mode"] == "managed")
    for child in module.get("child_modules", []):
        yield from _resources(child)


@pytest.fixture(scope="session")
def offline():
    command = os.environ.get("TERRAFORM_OFFLINE")
    if not command:
        pytest.skip("TERRAFORM_OFFLINE names no command that can apply without a cloud")
    return command


@pytest.fixture(scope="session")
def deployment(offline, tmp_path_factory):
    """What is made of terraform.tfvars.example."""
    return Deployment(offline, tmp_path_factory.mktemp("terraform"), TERRAFORM, "-var-file=terraform.tfvars.example")


@pytest.fixture(scope="session")
def bootstrap(offline, tmp_path_factory):
    variables = ["-var=project_id=my-heavy-rotation", f"-var=repository={REPOSITORY}"]
    return Deployment(offline, tmp_path_factory.mktemp("bootstrap"), TERRAFORM / "bootstrap", *variables)


@pytest.fixture(scope="session")
def zips(request, tmp_path_factory):
    """Terraform's own zips where it can run, and else the same made by other means."""
    if os.environ.get("TERRAFORM_OFFLINE"):
        deployment = request.getfixturevalue("deployment")
        return {function: deployment.zip(function) for function in FUNCTIONS}
    directory = tmp_path_factory.mktemp("zips")
    return {function: make_zip(function, directory / f"{function}.zip") for function in FUNCTIONS}


@pytest.fixture
def stand_ins(tmp_path):
    """Runs a command in a folder where every tool only notes its call and answers; `failing` ends with an error."""
    for folder in ("bin", ".ci", "terraform"):
        (tmp_path / folder).mkdir()

    def running(command, answers, failing, **environment):
        for tool, answer in answers.items():
            path = tmp_path / tool if "/" in tool else tmp_path / "bin" / tool
            script = f'#!/bin/sh\necho "{tool} $*" >> "{tmp_path}/calls"\necho "{answer}"\n'
            refusal = f'case "{tool} $*" in "{failing}"*) echo "$* is refused" >&2; exit 9 ;; esac\n' if failing else ""
            path.write_text(script + refusal)
            path.chmod(0o755)
        environment["PATH"] = f"{tmp_path}/bin:/usr/bin:/bin"
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        return done, (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []

    return running
