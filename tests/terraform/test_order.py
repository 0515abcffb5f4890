"""A first apply into an empty project: nothing is asked of Google before it can answer."""

import re

import pytest

from tests.terraform.configuration import FUNCTIONS, TERRAFORM

# What makes the wait itself, and what never leaves this machine.
BEFORE_THE_WAIT = {"google_project_service.main", "time_sleep.apis"}
LOCAL = ("archive_file", "terraform_data")


@pytest.fixture(scope="module")
def made(deployment):
    """Everything in the state as Terraform keeps it: by address, the addresses of all that was made before."""
    made = {}
    for resource in deployment.read_state()["resources"]:
        address = ".".join(filter(None, [resource.get("module"), resource["type"], resource["name"]]))
        if resource["mode"] == "managed" and resource["type"] not in LOCAL:
            made[address] = set().union(*(instance.get("dependencies", []) for instance in resource["instances"]))
    return made


def test_everything_waits_until_the_apis_answer(made):
    assert len(made) > 60
    hasty = {address for address, before in made.items() if "time_sleep.apis" not in before}
    assert hasty == BEFORE_THE_WAIT


def test_loads_trigger_waits_longer_for_the_right_to_receive_events_than_iam_calls_typical(deployment, made):
    wait = "module.load.time_sleep.event_receiver"
    assert wait in made["module.load.google_cloudfunctions2_function.main"]
    assert int(deployment.of_type("time_sleep")[f"{wait}[0]"]["create_duration"].removesuffix("s")) > 120


def test_the_alert_on_silence_waits_until_its_metric_is_known(deployment, made):
    assert "time_sleep.good_runs" in made["google_monitoring_alert_policy.silence"]
    assert deployment.of_type("time_sleep")["time_sleep.good_runs"]["create_duration"] == "600s"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_waits_for_the_grants_that_build_and_trigger_it_and_the_columns_that_it_writes(made, function):
    assert {
        "google_artifact_registry_repository_iam_member.builder",
        "google_bigquery_table.main",
        "google_project_iam_member.builder_log",
        "google_project_iam_member.builder_sources",
        "google_project_iam_member.eventarc_agent",
        "google_project_iam_member.storage_agent",
        "google_storage_bucket_iam_member.code_builder",
        "time_sleep.grants",
    } <= made[f"module.{function}.google_cloudfunctions2_function.main"]


def test_what_rewrites_the_projects_whole_policy_comes_after_all_that_changes_it(deployment, made):
    changing = {address for address in made if re.search(r"google_project_iam_(?!custom_role)", address)}
    rewriting = "google_project_iam_member_remove.editor"
    assert len(changing) > 12
    assert changing - made[rewriting] == {rewriting}
    assert deployment.of_type("google_project_default_service_accounts") == {}


def test_the_dashboard_waits_until_the_tables_have_the_columns_that_its_version_reads():
    """Through its grants on the tables. Its service is made once there is an image: not in this deployment."""
    text = (TERRAFORM / "dashboard.tf").read_text()
    service = re.search(r'^resource "google_cloud_run_v2_service" "dashboard" .*?^}', text, re.M | re.S)[0]
    assert "google_bigquery_table_iam_member.dashboard," in service
    grants = re.search(r'^resource "google_bigquery_table_iam_member" "dashboard" .*?^}', text, re.M | re.S)[0]
    assert "google_bigquery_table.main[each.value].table_id" in grants


def test_what_names_an_agent_of_google_waits_until_the_agent_is_known(deployment, made):
    grants = [resource for resource in deployment.resources if resource["type"].endswith("_iam_member")]
    named = [grant["address"] for grant in grants if re.search("@(gcp-sa|gs-project)-", grant["values"]["member"])]
    assert len(named) == 6
    assert [address for address in named if "time_sleep.agents" not in made[address]] == []
