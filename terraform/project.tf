# What holds for the whole project: what Google's own accounts may do, and which reads are logged.

# Enabling Compute Engine makes an account that may edit everything (in a project without an organisation that forbids it).
# Nothing here acts as it, so it loses that role; a destroy does not give it back.
resource "google_project_default_service_accounts" "main" {
  project        = var.project_id
  action         = "DEPRIVILEGE"
  restore_policy = "NONE"

  depends_on = [time_sleep.apis]
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
