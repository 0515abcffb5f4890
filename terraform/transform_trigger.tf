# The function that starts the computation of the top ten. It submits a Spark batch and never waits for it. Its message comes from
# plays_loaded.tf; what Spark is and may do is in top_tracks.tf.

module "transform_trigger" {
  source = "./modules/function"

  name            = "transform_trigger"
  purpose         = "Submits a Spark batch when new plays are in the warehouse, one at a time."
  timeout_seconds = 540

  environment = merge(local.settings, {
    SPARK_JOB_URI                   = "gs://${google_storage_bucket_object.top_tracks.bucket}/${google_storage_bucket_object.top_tracks.name}"
    SPARK_SERVICE_ACCOUNT           = google_service_account.spark.email
    SPARK_SUBNETWORK                = google_compute_subnetwork.spark.id
    SPARK_TEMP_BUCKET               = google_storage_bucket.spark_temp.name
    TOP_TRACKS_MIN_INTERVAL_MINUTES = tostring(var.top_tracks_min_interval_minutes)
  })

  after    = local.function_after
  platform = local.function_platform
}

# What submitting takes according to Dataproc's permission table, without the rights to cancel or delete a batch.
resource "google_project_iam_custom_role" "submit_batch" {
  role_id     = "heavyRotationSubmitBatch"
  title       = "Heavy Rotation: submit a Spark batch"
  description = "Submit a batch and see how batches are."
  permissions = [
    "dataproc.batches.create",
    "dataproc.batches.get",
    "dataproc.batches.list",
    "dataproc.operations.get",
  ]

  deletion_policy = "ABANDON" # as the roles in listeners.tf

  depends_on = [time_sleep.apis]
}

# Transform_trigger submits batches and looks at them. Batches have no grants of their own, so it is on the project.
resource "google_project_iam_member" "transform_trigger_batches" {
  project = var.project_id
  role    = google_project_iam_custom_role.submit_batch.name
  member  = module.transform_trigger.identity.member
}

# Transform_trigger may have a batch act as Spark's identity, and as no other.
resource "google_service_account_iam_member" "transform_trigger_spark" {
  service_account_id = google_service_account.spark.name
  role               = "roles/iam.serviceAccountUser"
  member             = module.transform_trigger.identity.member
}

# Transform_trigger writes its row in the ledger. It reads no plays itself; what it submits acts as Spark, which does.
resource "google_bigquery_table_iam_member" "transform_trigger_runs" {
  dataset_id = google_bigquery_dataset.main.dataset_id
  table_id   = google_bigquery_table.main["runs"].table_id
  role       = "roles/bigquery.dataEditor"
  member     = module.transform_trigger.identity.member
}
