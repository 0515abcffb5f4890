import json
import os
import re
import shlex
import subprocess

import pytest

from tests.terraform.configuration import FUNCTIONS, TERRAFORM, make_zip


class Deployment:
    """What an apply of terraform.tfvars.example makes, according to Terraform itself."""

    def __init__(self, command, directory):
        self.directory = directory
        self._command = [*shlex.split(command), "--quiet", "--work", str(directory), str(TERRAFORM)]
        output = self._run("apply", "-auto-approve", "-input=false", "-no-color", "-var-file=terraform.tfvars.example")
        self.made = int(re.search(r"Apply complete! Resources: (\d+) added", output)[1])
        state = json.loads(self._run("show", "-json"))
        self.outputs = {name: output["value"] for name, output in state["values"]["outputs"].items()}
        self.resources = list(_resources(state["values"]["root_module"]))

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
def deployment(tmp_path_factory):
    command = os.environ.get("TERRAFORM_OFFLINE")
    if not command:
        pytest.skip("TERRAFORM_OFFLINE names no command that can apply without a cloud")
    return Deployment(command, tmp_path_factory.mktemp("terraform"))


@pytest.fixture(scope="session")
def zips(request, tmp_path_factory):
    """Terraform's own zips where it can run, and else the same made by other means."""
    if os.environ.get("TERRAFORM_OFFLINE"):
        deployment = request.getfixturevalue("deployment")
        return {function: deployment.zip(function) for function in FUNCTIONS}
    directory = tmp_path_factory.mktemp("zips")
    return {function: make_zip(function, directory / f"{function}.zip") for function in FUNCTIONS}
