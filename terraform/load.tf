# The function that brings a landed file into `plays`, and what it may do in the warehouse. Its buckets are in
# landing.tf and quarantine.tf, its topic in plays_loaded.tf.

module "load" {
  source = "./modules/function"

  name            = "load"
  purpose         = "Brings a landed file into the table plays, once."
  timeout_seconds = 540

  event_bucket = google_storage_bucket.landing.name

  environment = merge(local.settings, {
    LANDING_BUCKET     = google_storage_bucket.landing.name
    PLAYS_BOUNDS       = jsonencode(local.table_files.plays.bounds)
    PLAYS_LOADED_TOPIC = google_pubsub_topic.plays_loaded.name
    QUARANTINE_BUCKET  = google_storage_bucket.quarantine.name
    STAGING_DATASET    = google_bigquery_dataset.staging.dataset_id
  })

  after    = local.function_after
  platform = local.function_platform
}

# Where load and `python -m cli import` put the rows of a file before they are compared with what is stored. Nothing here
# is the only copy of anything, so a destroy takes it.
resource "google_bigquery_dataset" "staging" {
  #checkov:skip=CKV_GCP_81:Google's own encryption is enough here; a key of ours costs $0.06 a month and can be lost.
  dataset_id  = "listening_staging"
  location    = var.region
  description = "Heavy Rotation: rows of landed files on their way into plays."

  # Three days. Eventarc delivers again for 24 hours; a repeat should find the rows still there.
  default_table_expiration_ms = 259200000
  max_time_travel_hours       = "48"
  delete_contents_on_destroy  = true

  depends_on = [time_sleep.apis]
}

# Load makes a table for each file, fills and reads it. Tables are made in a dataset, so the grant is on one, and this one
# holds no history.
resource "google_bigquery_dataset_iam_member" "load_staging" {
  dataset_id = google_bigquery_dataset.staging.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = module.load.identity.member
}

# Load merges into the plays and adds rows to the ledger.
resource "google_bigquery_table_iam_member" "load_writes" {
  for_each = toset(["plays", "runs"])

  dataset_id = google_bigquery_dataset.main.dataset_id
  table_id   = google_bigquery_table.main[each.value].table_id
  role       = "roles/bigquery.dataEditor"
  member     = module.load.identity.member
}

# Load reads the ISRCs of tracks, by which two ids are one recording, and which imports were undone.
resource "google_bigquery_table_iam_member" "load_reads" {
  for_each = toset(["imports", "tracks"])

  dataset_id = google_bigquery_dataset.main.dataset_id
  table_id   = google_bigquery_table.main[each.value].table_id
  role       = "roles/bigquery.dataViewer"
  member     = module.load.identity.member
}

# Eventarc delivers through Pub/Sub, whose agent shows the caller's token to load. Google gives the agent a role that
# can, but not where its identity was requested by name, as in main.tf. An event before this grant is redelivered.
resource "google_service_account_iam_member" "pubsub_agent_load" {
  service_account_id = module.load.caller.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = time_sleep.agents.triggers["pubsub.googleapis.com"]
}
