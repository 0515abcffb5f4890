# What holds for the whole project: what Google's own accounts may do, and which reads are logged.

# Enabling Compute Engine makes an account that may edit everything (in a project without an organisation that forbids it).
# Nothing here acts as it, so it loses that role; a destroy does not give it back. The provider writes the whole policy for it,
# and nothing in it holds back another change meanwhile: so it comes last (docs/decisions/0016).
resource "google_project_iam_member_remove" "editor" {
  project = var.project_id
  role    = "roles/editor"
  member  = "serviceAccount:${data.google_project.main.number}-compute@developer.gserviceaccount.com"

  depends_on = [
    google_project_iam_audit_config.reads,
    google_project_iam_member.builder_log,
    google_project_iam_member.builder_sources,
    google_project_iam_member.dashboard_bigquery,
    google_project_iam_member.eventarc_agent,
    google_project_iam_member.ingest_lists_secrets,
    google_project_iam_member.spark_bigquery,
    google_project_iam_member.spark_worker,
    google_project_iam_member.storage_agent,
    google_project_iam_member.transform_trigger_batches,
    module.ingest,
    module.load,
    module.transform_trigger,
  ]

  # A project keeps its number, which is not known to a plan that enables another API.
  lifecycle {
    ignore_changes = [member]
  }
}

# Who read a secret or an object is logged: these reads are off by default. Some dozen entries a run, far below the 50 GiB a
# month that Cloud Logging takes for nothing.
resource "google_project_iam_audit_config" "reads" {
  for_each = toset(["secretmanager.googleapis.com", "storage.googleapis.com"])

  project = var.project_id
  service = each.value

  audit_log_config {
    log_type = "DATA_READ"
  }

  depends_on = [time_sleep.apis]
}
