# The hourly call of ingest.

locals {
  # "0 */3 * * *" is every three hours, "0 * * * *" every hour.
  interval_hours = tonumber(try(regex("\\*/([0-9]+)", var.schedule)[0], "1"))
}

resource "google_cloud_scheduler_job" "ingest" {
  name        = "ingest-hourly"
  region      = var.region
  description = "Calls ingest, which fetches the newest 50 plays of each listener."
  schedule    = var.schedule
  # Slots must not jump with daylight saving: a run is named after its slot in UTC.
  time_zone = "Etc/UTC"
  # Longer than ingest may take, so that Cloud Scheduler never gives up on a run that is still at work.
  attempt_deadline = "960s"

  # Seven retries within 36 minutes, for what a retry can heal: a job is retried until both limits, retry_count and
  # max_retry_duration, are used up. The slot stays the same, so a repeat adds nothing.
  retry_config {
    retry_count          = 3
    min_backoff_duration = "30s"
    max_backoff_duration = "600s"
    max_doublings        = 4
    max_retry_duration   = "2700s"
  }

  http_target {
    http_method = "POST"
    uri         = module.ingest.uri

    oidc_token {
      service_account_email = module.ingest.caller.email
      audience              = module.ingest.uri
    }
  }

  # An apply must not end a pause that the owner has begun by hand (hashicorp/terraform-provider-google#29280).
  lifecycle {
    ignore_changes = [paused]
  }

  # The first slot may come before the grants are known everywhere; it should find all of them made.
  depends_on = [
    google_bigquery_table_iam_member.ingest_reads,
    google_bigquery_table_iam_member.ingest_writes,
    google_project_iam_member.ingest_lists_secrets,
    google_secret_manager_secret_iam_member.ingest_keeps_token,
    google_secret_manager_secret_iam_member.ingest_reads_client,
    google_storage_bucket_iam_member.landing_ingest,
    google_storage_bucket_iam_member.quarantine_ingest,
    module.ingest,
  ]
}

# When that schedule began. Of the slots before it nothing is known: another schedule may have had others.
resource "time_static" "schedule" {
  triggers = { schedule = google_cloud_scheduler_job.ingest.schedule }
}
