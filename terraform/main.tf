# What every part needs: names, the APIs, Google's own agents. Each part has a file of its own.

locals {
  root = "${path.module}/.."

  buckets = {
    code       = "${var.project_id}-code"
    landing    = "${var.project_id}-landing"
    quarantine = "${var.project_id}-quarantine"
    spark_temp = "${var.project_id}-spark-temp"
  }

  # The settings that every function reads.
  settings = {
    DATASET              = google_bigquery_dataset.main.dataset_id
    GOOGLE_CLOUD_PROJECT = var.project_id
    LOCATION             = var.region
  }

  # What a function waits for, and its identity need not. The tables: where an update brings a column, they have it before a
  # function writes it.
  function_after = join(" ", concat([time_sleep.grants.id], [for table in google_bigquery_table.main : table.id]))

  # What every function is made in.
  function_platform = {
    apis        = time_sleep.apis.id
    builder     = google_service_account.builder.name
    code_bucket = google_storage_bucket.code.name
    project_id  = var.project_id
    region      = var.region
    repository  = google_artifact_registry_repository.functions.id
  }

  apis = toset([
    "artifactregistry.googleapis.com",
    "bigquery.googleapis.com",
    "bigquerystorage.googleapis.com",
    "billingbudgets.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "compute.googleapis.com",
    "dataproc.googleapis.com",
    "dataprocrm.googleapis.com",
    "eventarc.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "iap.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
  ])
}

# Where the first apply put everything. Buckets, dataset and tables cannot move: a changed place would replace them all, and
# the apply would stop half way with the functions gone, because the history keeps its names.
resource "terraform_data" "place" {
  input = { project_id = var.project_id, region = var.region }

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output == { project_id = var.project_id, region = var.region }
      error_message = "This was first applied to ${self.output.project_id} in ${self.output.region}, and neither can be changed: put project_id and region back. docs/deploy.md, \"Moving\", says how to take the plays to another project or region."
    }
  }
}

resource "google_project_service" "main" {
  for_each = local.apis

  service            = each.value
  disable_on_destroy = false
}

# An API answers "not enabled" for a while after it has been enabled.
resource "time_sleep" "apis" {
  create_duration = "60s"

  triggers = { apis = join(",", sort([for api in google_project_service.main : api.service])) }
}

data "google_project" "main" {
  depends_on = [time_sleep.apis]
}

# Google makes its agents on first use, too late for a grant that names one. This makes them now.
resource "google_project_service_identity" "main" {
  provider = google-beta
  for_each = toset(["eventarc.googleapis.com", "iap.googleapis.com", "pubsub.googleapis.com"])

  service = each.value

  depends_on = [time_sleep.apis]
}

# An agent that was just made "does not exist" yet for the first grants that name it, and the provider does not try again
# (github.com/hashicorp/terraform-provider-google/issues/25294). Whatever names an agent takes it from here.
resource "time_sleep" "agents" {
  create_duration = "60s"

  triggers = merge(
    { for service, agent in google_project_service_identity.main : service => agent.member },
    { "storage.googleapis.com" = data.google_storage_project_service_account.main.member },
  )
}

# Eventarc's agent makes the trigger's topic and subscription. Google gives it this role by itself, but minutes late.
resource "google_project_iam_member" "eventarc_agent" {
  #checkov:skip=CKV_GCP_49:It is Google's own agent, with the role that Google gives it in every project.
  project = var.project_id
  role    = "roles/eventarc.serviceAgent"
  member  = time_sleep.agents.triggers["eventarc.googleapis.com"]
}

# A grant takes two minutes "typically", "potentially 7 minutes or longer", to be known everywhere
# (cloud.google.com/iam/docs/access-change-propagation); the functions' builds and triggers are the first to need some.
resource "time_sleep" "grants" {
  create_duration = "180s"

  triggers = {
    builder_image   = google_artifact_registry_repository_iam_member.builder.id
    builder_log     = google_project_iam_member.builder_log.id
    builder_sources = google_project_iam_member.builder_sources.id
    builder_zips    = google_storage_bucket_iam_member.code_builder.id
    eventarc_agent  = google_project_iam_member.eventarc_agent.id
    storage_agent   = google_project_iam_member.storage_agent.id
  }
}
