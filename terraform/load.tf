# The function that brings a landed file into `plays`, and what it may do in the warehouse. Its buckets are in
# landing.tf and quarantine.tf, its topic in plays_loaded.tf.

module "load" {
  source = "./modules/function"

  name            = "load"
  purpose         = "Brings a landed file into the table plays, once."
  memory          = "512Mi"
  timeout_seconds = 540

  event = { bucket = google_storage_bucket.landing.name }

  environment = merge(local.settings, {
    LANDING_BUCKET     = google_storage_bucket.landing.name
    PLAYS_BOUNDS       = jsonencode(local.table_files.plays.bounds)
    PLAYS_LOADED_TOPIC = google_pubsub_topic.plays_loaded.name
    QUARANTINE_BUCKET  = google_storage_bucket.quarantine.name
  })

  after       = time_sleep.grants.id
  apis        = time_sleep.apis.id
  builder     = google_service_account.builder.name
  code_bucket = google_storage_bucket.code.name
  project_id  = var.project_id
  region      = var.region
  repository  = google_artifact_registry_repository.functions.id
  source_root = "${local.root}/functions"
}

# Load starts load jobs and queries; the right to start them is the project's and holds no data.
resource "google_project_iam_member" "load_jobs" {
  project = var.project_id
  role    = "roles/bigquery.jobUser"
  member  = module.load.identity.member
}

# Load makes a staging table for each file, fills and reads it, and merges it into plays. Tables are made in a dataset,
# so the grant is on the dataset; load is the only part that holds one so wide.
resource "google_bigquery_dataset_iam_member" "load" {
  dataset_id = google_bigquery_dataset.main.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = module.load.identity.member
}

# Eventarc delivers through Pub/Sub, whose agent shows the caller's token to load. Google gives the agent a role that
# can, but not where it was asked for by name, as in main.tf. An event that comes before this grant comes again.
resource "google_service_account_iam_member" "pubsub_agent_load" {
  service_account_id = module.load.caller.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = time_sleep.agents.triggers["pubsub.googleapis.com"]
}
