# The function that polls Spotify, and what it may do in the warehouse. Its buckets are in landing.tf and quarantine.tf,
# its secrets in listeners.tf and spotify_client.tf, its schedule in schedule.tf.

module "ingest" {
  source = "./modules/function"

  name            = "ingest"
  purpose         = "Fetches what the listeners have played and lands it as one file."
  timeout_seconds = 900

  environment = merge(local.settings, {
    AUDIO_FEATURES_SOURCE    = var.audio_features_source
    CATALOGUE_TRACKS_PER_RUN = tostring(var.catalogue_tracks_per_run)
    LANDING_BUCKET           = google_storage_bucket.landing.name
    QUARANTINE_BUCKET        = google_storage_bucket.quarantine.name
  })

  after    = local.function_after
  platform = local.function_platform
}

# Ingest reads which plays and features are known already. It never writes plays: that is load's.
resource "google_bigquery_table_iam_member" "ingest_reads" {
  for_each = toset(["plays"])

  dataset_id = google_bigquery_dataset.main.dataset_id
  table_id   = google_bigquery_table.main[each.value].table_id
  role       = "roles/bigquery.dataViewer"
  member     = module.ingest.identity.member
}

# Ingest writes its row in the ledger, the gaps it finds and the tracks of the catalogue, and reads them again.
resource "google_bigquery_table_iam_member" "ingest_writes" {
  for_each = toset(["catalogue", "gaps", "runs"])

  dataset_id = google_bigquery_dataset.main.dataset_id
  table_id   = google_bigquery_table.main[each.value].table_id
  role       = "roles/bigquery.dataEditor"
  member     = module.ingest.identity.member
}
