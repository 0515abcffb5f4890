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

# Eventarc's agent makes the trigger's topic and subscription. Google gives it this role by itself, but minutes late.
resource "google_project_iam_member" "eventarc_agent" {
  #checkov:skip=CKV_GCP_49:It is Google's own agent, with the role that Google gives it in every project.
  project = var.project_id
  role    = "roles/eventarc.serviceAgent"
  member  = google_project_service_identity.main["eventarc.googleapis.com"].member
}

# A grant takes a while to be known everywhere; the functions' triggers are the first to need one.
resource "time_sleep" "agents" {
  create_duration = "90s"

  depends_on = [
    google_project_iam_member.eventarc_agent,
    google_project_iam_member.storage_agent,
  ]
}
