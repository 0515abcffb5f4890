# A token that is read by another identity than ingest's leaves a trace and sends mail; no account may edit everything.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }

run "reads_of_secrets_and_objects_are_logged" {
  command = plan

  assert {
    condition     = keys(google_project_iam_audit_config.reads) == ["secretmanager.googleapis.com", "storage.googleapis.com"] && alltrue([for audit in google_project_iam_audit_config.reads : one(audit.audit_log_config).log_type == "DATA_READ"])
    error_message = "Without it a stolen token leaves no trace."
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.log["token"].conditions[0].condition_matched_log[0].filter, "NOT protoPayload.authenticationInfo.principalEmail=\"${module.ingest.identity.email}\"")
    error_message = "Ingest alone may read a token without mail."
  }

  assert {
    condition     = google_project_iam_member_remove.editor.role == "roles/editor"
    error_message = "The account that Compute Engine makes must not stay an editor."
  }
}
