"""Who may do what: every grant of the deployment, written down a second time by hand."""

import re

import pytest

from tests.terraform.configuration import FILES, TERRAFORM, TEXT

# (who, role, on what). Identities are named by what stands before the @, agents of Google by their domain.
GRANTS = {
    # The three functions: each is called by its own caller.
    ("call-ingest", "run.invoker", "service ingest"),
    ("call-load", "run.invoker", "service load"),
    ("call-load", "eventarc.eventReceiver", "project"),
    ("call-transform-trigger", "run.invoker", "service transform-trigger"),
    # Ingest: it alone reads refresh tokens.
    ("function-ingest", "heavyRotationListSecrets", "project"),
    ("function-ingest", "heavyRotationKeepToken", "secret refresh-token-ada"),
    ("function-ingest", "heavyRotationKeepToken", "secret refresh-token-grace"),
    ("function-ingest", "secretmanager.secretAccessor", "secret spotify-client"),
    ("function-ingest", "secretmanager.viewer", "secret spotify-client"),
    ("function-ingest", "bigquery.jobUser", "project"),
    ("function-ingest", "bigquery.dataViewer", "table plays"),
    ("function-ingest", "bigquery.dataEditor", "table catalogue"),
    ("function-ingest", "bigquery.dataEditor", "table gaps"),
    ("function-ingest", "bigquery.dataEditor", "table runs"),
    ("function-ingest", "storage.objectUser", "bucket landing"),
    ("function-ingest", "storage.objectUser", "bucket quarantine"),
    # Load: it alone writes plays.
    ("function-load", "bigquery.jobUser", "project"),
    ("function-load", "bigquery.dataEditor", "dataset listening_staging"),
    ("function-load", "bigquery.dataEditor", "table plays"),
    ("function-load", "bigquery.dataEditor", "table runs"),
    ("function-load", "bigquery.dataViewer", "table imports"),
    ("function-load", "bigquery.dataViewer", "table tracks"),
    ("function-load", "storage.objectViewer", "bucket landing"),
    ("function-load", "storage.legacyBucketReader", "bucket landing"),
    ("function-load", "storage.objectUser", "bucket quarantine"),
    ("function-load", "pubsub.publisher", "topic plays-loaded"),
    # Transform_trigger: it sees no plays but through what it submits.
    ("function-transform-trigger", "heavyRotationSubmitBatch", "project"),
    ("function-transform-trigger", "iam.serviceAccountUser", "identity spark-top-tracks"),
    ("function-transform-trigger", "bigquery.jobUser", "project"),
    ("function-transform-trigger", "bigquery.dataEditor", "table runs"),
    # Spark.
    ("spark-top-tracks", "dataproc.worker", "project, if no-other-buckets"),
    ("spark-top-tracks", "bigquery.jobUser", "project"),
    ("spark-top-tracks", "bigquery.readSessionUser", "project"),
    ("spark-top-tracks", "bigquery.dataViewer", "table catalogue"),
    ("spark-top-tracks", "bigquery.dataViewer", "table plays"),
    ("spark-top-tracks", "bigquery.dataEditor", "table runs"),
    ("spark-top-tracks", "bigquery.dataEditor", "table top_tracks"),
    ("spark-top-tracks", "bigquery.dataEditor", "table tracks"),
    ("spark-top-tracks", "storage.objectViewer", "bucket code"),
    ("spark-top-tracks", "storage.objectAdmin", "bucket spark-temp"),
    ("spark-top-tracks", "storage.legacyBucketReader", "bucket spark-temp"),
    # The dashboard only reads.
    ("dashboard", "bigquery.jobUser", "project"),
    ("dashboard", "bigquery.dataViewer", "table catalogue"),
    ("dashboard", "bigquery.dataViewer", "table gaps"),
    ("dashboard", "bigquery.dataViewer", "table plays"),
    ("dashboard", "bigquery.dataViewer", "table runs"),
    ("dashboard", "bigquery.dataViewer", "table top_tracks"),
    ("dashboard", "bigquery.dataViewer", "table tracks"),
    # The builder.
    ("build-functions", "logging.logWriter", "project"),
    ("build-functions", "storage.objectViewer", "bucket code"),
    ("build-functions", "storage.objectViewer", "project, if sources-of-functions"),
    ("build-functions", "artifactregistry.writer", "repository functions"),
    # Google's own agents.
    ("gcp-sa-eventarc", "eventarc.serviceAgent", "project"),
    ("gs-project-accounts", "pubsub.publisher", "project"),
    ("gcp-sa-pubsub", "pubsub.publisher", "topic plays-loaded-dead"),
    ("gcp-sa-pubsub", "pubsub.subscriber", "subscription plays-loaded-transform-trigger"),
    ("gcp-sa-pubsub", "iam.serviceAccountTokenCreator", "identity call-load"),
    ("gcp-sa-pubsub", "iam.serviceAccountTokenCreator", "identity call-transform-trigger"),
}
ON_WHAT = {
    "secret_id": "secret",  # pragma: allowlist secret -- a placeholder
    "bucket": "bucket",
    "table_id": "table",
    "dataset_id": "dataset",
    "topic": "topic",
    "subscription": "subscription",
    "service_account_id": "identity",
    "repository": "repository",
    "name": "service",
}


def test_these_are_all_grants(deployment):
    grants = [resource["values"] for resource in deployment.resources if resource["type"].endswith("_iam_member")]
    assert {(who(grant["member"]), role(grant["role"]), on_what(grant)) for grant in grants} == GRANTS
    assert len(grants) == len(GRANTS)


def test_the_deployer_can_grant_on_the_project_what_is_granted_there_and_nothing_else():
    bootstrap = (TERRAFORM / "bootstrap/main.tf").read_text()
    listed = re.search(r"grantable_roles = \[(.*?)\n  \]", bootstrap, re.S)[1]
    on_project = {name for _, name, what in GRANTS if what.startswith("project")}
    assert {role(name) for name in re.findall(r'"([^"]+)"', listed)} == on_project


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TERRAFORM)))
def test_above_every_grant_stands_a_sentence(path):
    lines = path.read_text().splitlines()
    grants = [number for number, line in enumerate(lines) if re.match(r'resource "\w+_iam_', line)]
    bare = [lines[number] for number in grants if not lines[number - 1].startswith("# ")]
    assert bare == []


def test_no_grant_takes_others_away_or_opens_the_project():
    text = re.sub(r'^resource "google_project_iam_member_remove" .*?^}', "", TEXT, flags=re.M | re.S)
    assert re.findall(r'"google_\w+_iam_(?:binding|policy)"', text) == []
    assert re.findall(r'"(?:allUsers|allAuthenticatedUsers|roles/owner|roles/editor|roles/viewer)"', text) == []


def test_the_account_that_compute_engine_makes_is_no_editor(deployment):
    [taken] = deployment.of_type("google_project_iam_member_remove").values()
    assert taken["role"] == "roles/editor"
    assert re.fullmatch(r"serviceAccount:\d+-compute@developer\.gserviceaccount\.com", taken["member"])


def test_no_secret_value_passes_through_terraform():
    assert re.findall(r'"google_secret_manager_secret_version"|secret_data|"google_service_account_key"', TEXT) == []


def who(member):
    name, domain = member.removeprefix("serviceAccount:").split("@")
    return domain.split(".")[0] if name.startswith("service-") else name


def role(name):
    return name.removeprefix("roles/").rsplit("/", 1)[-1]


def on_what(grant):
    for attribute, kind in ON_WHAT.items():
        if grant.get(attribute):
            return f"{kind} {short(grant[attribute])}"
    conditions = "".join(f", if {condition['title']}" for condition in grant.get("condition") or [])
    return f"project{conditions}"


def short(name):
    return name.rsplit("/", 1)[-1].split("@")[0].removeprefix("my-heavy-rotation-")
