"""How the Terraform folder is kept: in alphabetical order, described, formatted, with every skip explained."""

import re

import pytest

from tests.terraform.configuration import TERRAFORM, TEXT


@pytest.mark.parametrize("name", ["variables.tf", "outputs.tf"])
@pytest.mark.parametrize("folder", [".", "bootstrap", "modules/function"])
def test_variables_and_outputs_are_in_alphabetical_order_and_described(folder, name):
    text = (TERRAFORM / folder / name).read_text()
    names = re.findall(r'^(?:variable|output) "(\w+)"', text, re.M)
    assert names == sorted(names)
    assert len(re.findall(r"^  description +=", text, re.M)) == len(names)


def test_no_provider_is_older_than_the_one_that_keeps_grants_on_a_dataset():
    for folder in (TERRAFORM, TERRAFORM / "bootstrap"):
        text = "\n".join(path.read_text() for path in folder.glob("*.tf"))
        constraints = re.findall(r'hashicorp/google(?:-beta)?"\s+version = "([^"]+)"', text)
        assert constraints
        assert set(constraints) == {">= 7.45, < 9"}


def test_every_provider_of_google_has_its_calls_counted_on_the_project():
    for folder in (TERRAFORM, TERRAFORM / "bootstrap"):
        text = "\n".join(path.read_text() for path in folder.glob("*.tf"))
        blocks = re.findall(r'^provider "google(?:-beta)?" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL)
        assert blocks
        for block in blocks:
            settings = dict(re.findall(r"(\w+) += (.+)", block))
            assert (settings["user_project_override"], settings["billing_project"]) == ("true", "var.project_id")


def test_the_example_names_only_variables_that_exist():
    variables = re.findall(r'^variable "(\w+)"', (TERRAFORM / "variables.tf").read_text(), re.M)
    used = re.findall(r"^(\w+) +=", (TERRAFORM / "terraform.tfvars.example").read_text(), re.M)
    assert set(used) <= set(variables)


def test_no_skip_stands_over_roles_that_are_not_written_beside_it():
    """A role added to a list tomorrow must be looked at by checkov."""
    blocks = re.findall(r'^resource "google_\w+_iam_member" .*?^}', TEXT, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        assert not ("checkov:skip" in block and "for_each" in block), block


def test_every_skipped_check_has_its_reason():
    skips = [line.strip() for line in TEXT.splitlines() if "checkov:skip" in line]
    assert skips
    assert [line for line in skips if not re.fullmatch(r"#checkov:skip=CKV\w+:.{20,}", line)] == []
