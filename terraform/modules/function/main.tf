# One function of functions/: its folder as a zip, the identity it acts as, and the only identity that may call it.

locals {
  folder = "${path.module}/../../../functions/${var.name}"
  # Cloud Run's names have no underscores; with equal names the function and its service are found by one name.
  service = replace(var.name, "_", "-")
  # What the function needs at run time, and nothing that a tool has left in its folder.
  patterns = ["*.py", "requirements.txt", "queries/*.sql", "tables/*.json"]
  files    = sort(flatten([for pattern in local.patterns : tolist(fileset(local.folder, pattern))]))
}

data "archive_file" "main" {
  type        = "zip"
  output_path = "${path.root}/../build/functions/${var.name}.zip"
  # Otherwise the zip, and with it the function, would differ from machine to machine.
  output_file_mode = "0644"

  dynamic "source" {
    for_each = local.files

    content {
      content  = file("${local.folder}/${source.value}")
      filename = source.value
    }
  }
}

# The hash in the name is what makes a changed function, and no other, be built again.
resource "google_storage_bucket_object" "main" {
  bucket = var.platform.code_bucket
  name   = "functions/${var.name}-${data.archive_file.main.output_md5}.zip"
  source = data.archive_file.main.output_path
}

resource "google_service_account" "main" {
  account_id   = "function-${local.service}"
  display_name = "The function ${var.name}"
  description  = var.purpose

  depends_on = [var.platform]
}

# Each function runs queries in BigQuery: jobs run in a project, so the right to start them is on it, and holds no data.
resource "google_project_iam_member" "bigquery_jobs" {
  project = var.platform.project_id
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.main.member
}

resource "google_service_account" "caller" {
  account_id   = "call-${local.service}"
  display_name = "Caller of ${var.name}"
  description  = "May call the function ${var.name} and nothing else."

  depends_on = [var.platform]
}

# The caller of a function that a bucket triggers may receive the project's events, which Eventarc checks when it makes the
# trigger. What there is to receive is what the trigger filters: the new objects of that one bucket.
resource "google_project_iam_member" "event_receiver" {
  count = var.event_bucket == null ? 0 : 1

  project = var.platform.project_id
  role    = "roles/eventarc.eventReceiver"
  member  = google_service_account.caller.member
}

resource "time_sleep" "event_receiver" {
  count = var.event_bucket == null ? 0 : 1

  create_duration = "180s"

  triggers = { grant = google_project_iam_member.event_receiver[0].id }
}

resource "google_cloudfunctions2_function" "main" {
  name        = local.service
  location    = var.platform.region
  description = var.purpose

  build_config {
    runtime           = "python313"
    entry_point       = var.name
    service_account   = var.platform.builder
    docker_repository = var.platform.repository

    source {
      storage_source {
        bucket = var.platform.code_bucket
        object = google_storage_bucket_object.main.name
      }
    }
  }

  service_config {
    available_cpu         = "1"
    available_memory      = "512Mi"
    timeout_seconds       = var.timeout_seconds
    service_account_email = google_service_account.main.email
    environment_variables = var.environment
    # One at a time: two MERGEs side by side that only insert store a play twice. It is a limit and no lock: Cloud Run "may,
    # for a short period of time, create slightly more" (cloud.google.com/run/docs/about-instance-autoscaling).
    # Load looks for such plays after each MERGE.
    max_instance_count               = 1
    max_instance_request_concurrency = 1
    # Cloud Scheduler, Eventarc and Pub/Sub of the same project count as internal (cloud.google.com/run/docs/securing/ingress).
    ingress_settings               = "ALLOW_INTERNAL_ONLY"
    all_traffic_on_latest_revision = true
  }

  dynamic "event_trigger" {
    for_each = var.event_bucket == null ? [] : [var.event_bucket]

    content {
      # Where the bucket is, which is where Eventarc looks.
      trigger_region        = var.platform.region
      event_type            = "google.cloud.storage.object.v1.finalized"
      retry_policy          = "RETRY_POLICY_RETRY"
      service_account_email = google_service_account.caller.email

      event_filters {
        attribute = "bucket"
        value     = event_trigger.value
      }
    }
  }

  depends_on = [time_sleep.event_receiver, var.after]
}

# Only the caller may call the function: there is no grant to allUsers or allAuthenticatedUsers.
resource "google_cloud_run_v2_service_iam_member" "caller" {
  project  = var.platform.project_id
  location = var.platform.region
  name     = google_cloudfunctions2_function.main.name
  role     = "roles/run.invoker"
  member   = google_service_account.caller.member
}
