"""docs/deploy.md can be followed: its commands, files, outputs and addresses are those that exist."""

import json
import re

import sqlglot

from cli import consent
from cli.command_line import _parser
from tests.terraform.configuration import ROOT, TERRAFORM

GUIDE = (ROOT / "docs/deploy.md").read_text()
PLAIN = GUIDE.replace("terraform -chdir=terraform ", "terraform ")


def actions(parser):
    return {option: action for action in parser._actions for option in action.option_strings}


def owners_commands():
    [commands] = [action.choices for action in _parser()._actions if hasattr(action, "choices") and action.choices]
    return commands


def test_every_command_of_the_owner_and_each_of_its_options_exists():
    commands = owners_commands()
    shown = re.findall(r"python -m cli ([a-z-]+)([^`\n]*)", GUIDE)
    assert {name for name, _ in shown} >= {"authorize", "forget", "import", "listeners", "runs", "run-now"}
    for name, rest in shown:
        assert set(re.findall(r"--[a-z-]+", rest)) <= set(actions(commands[name])), name
    assert {"--timeout", "--port", "--paste"} <= set(actions(commands["authorize"]))


def test_every_output_that_is_named_exists():
    outputs = set(re.findall(r'^output "(\w+)"', (TERRAFORM / "outputs.tf").read_text(), re.MULTILINE))
    named = set(re.findall(r"output ([a-z_]+)", PLAIN)) | set(re.findall(r"the output `(\w+)`", PLAIN))
    assert named == {"dashboard_address", "dashboard_sign_in_redirect_uri", "history"}
    assert named <= outputs


def test_what_apply_prints_is_quoted_from_terraform(deployment):
    assert f'history = "{deployment.outputs["history"]}"' in GUIDE
    steps = "\n".join(f'  "{step}",' for step in deployment.outputs["next_steps"])
    assert f"next_steps = [\n{steps}\n]" in GUIDE
    assert f"Apply complete! Resources: {deployment.made} added, 0 changed, 0 destroyed." in GUIDE
    assert f"Plan: {deployment.made} to add, 0 to change, 0 to destroy." in GUIDE


def test_what_is_taken_over_after_a_destroy_is_exactly_what_a_destroy_leaves(deployment):
    tables = re.search(r"for table in ([a-z_ ]+);", GUIDE)[1].split()
    imported = {address for address in re.findall(r"terraform import (\S+)", PLAIN) if "$table" not in address}
    imported |= {f'google_bigquery_table.main["{table}"]' for table in tables}
    left = {
        resource["address"]
        for resource in deployment.resources
        if resource["values"].get("deletion_policy") == "ABANDON"
    }
    assert imported == left
    # IAM takes the id of a deleted custom role again after 37 days.
    assert set(deployment.of_type("google_project_iam_custom_role")) <= left


def test_an_apply_by_hand_beside_cloud_build_begins_with_the_settings_that_the_plan_of_a_push_has():
    plan = (ROOT / "cloudbuild.plan.yaml").read_text()
    files, folder = re.search(r'gcloud storage cp "gs://\$STATE_BUCKET/(\S+)" (\S+)', plan).groups()
    section = GUIDE.split("\n## With Cloud Build\n")[1].split("\n## ")[0]
    assert f'\ngcloud storage cp "gs://$PROJECT-terraform-state/{files}" {folder}\nmake deploy\n' in section


def test_a_new_clone_finds_the_state_where_the_first_one_has_moved_it():
    moving = (TERRAFORM / "bootstrap/outputs.tf").read_text().split("<<-EOT\n")[1].splitlines()[:2]
    finding = "\n".join(line.strip().replace(" -migrate-state", "") for line in moving)
    assert f"\n{finding}\n".replace("${google_storage_bucket.state.name}", "$PROJECT-terraform-state") in GUIDE


def test_every_statement_names_a_table_and_columns_that_exist():
    files = {path.stem: json.loads(path.read_text()) for path in ROOT.glob("*/**/tables/*.json")}
    statements = [sqlglot.parse_one(sql, read="bigquery") for sql in re.findall(r'"(SELECT [^"]+)"', GUIDE)]
    assert len(statements) == 1
    for statement in statements:
        table = statement.find(sqlglot.exp.Table)
        assert table.db == "listening"
        columns = {column["name"] for column in files[table.name]["columns"]}
        assert {column.name for column in statement.find_all(sqlglot.exp.Column)} <= columns


def test_the_redirect_uri_to_type_is_where_authorize_waits():
    port = actions(owners_commands()["authorize"])["--port"].default
    assert f"   {consent.redirect_uri(port)}\n" in GUIDE
    assert f'under Redirect URIs: {consent.redirect_uri(port)}"]' in (TERRAFORM / "outputs.tf").read_text()


def test_the_commands_take_the_region_that_step_4_chooses():
    [default] = re.findall(r'variable "region" {[^}]+default += "([^"]+)"', (TERRAFORM / "variables.tf").read_text())
    step_4 = GUIDE.split("\n## 4. ")[1].split("\n## 5. ")[0]
    assert f"\nexport REGION={default}\n" in step_4
    assert default not in GUIDE.replace(step_4, "")


def test_where_the_project_is_deleted_terraform_forgets_it_too():
    pages = GUIDE + "\n\n" + (ROOT / "docs/troubles.md").read_text()
    parts = [" ".join(part.split()) for part in re.split(r"\n\n|\n(?=\|)", pages)]
    deleting = [part for part in parts if re.search(r"delete the project|gcloud projects delete", part)]
    assert len(deleting) == 2
    assert [part for part in deleting if "`rm -f terraform/terraform.tfstate*" not in part] == []
