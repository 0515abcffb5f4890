# Terraform makes containers for secrets. What is in them never passes through it, so it cannot be in its state.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }

run "containers_alone_are_made_and_ingest_alone_looks_inside" {
  command = plan

  assert {
    condition = jsonencode({ for slug, secret in google_secret_manager_secret.listener : secret.secret_id => secret.labels }) == jsonencode({
      refresh-token-ada   = { app = "heavy-rotation", kind = "refresh-token", listener = "ada" }
      refresh-token-grace = { app = "heavy-rotation", kind = "refresh-token", listener = "grace" }
    })
    error_message = "Ingest finds listeners by these labels."
  }

  assert {
    condition     = google_secret_manager_secret.spotify_client.secret_id == "spotify-client"
    error_message = "Ingest reads the app's secret under this name."
  }

  assert {
    condition     = issensitive(var.alert_email) && issensitive(local.dashboard_settings.DASHBOARD_VIEWERS)
    error_message = "Cloud Build keeps what a plan shows in its log."
  }

  assert {
    condition     = toset([for grant in google_secret_manager_secret_iam_member.ingest_keeps_token : grant.secret_id]) == toset(["refresh-token-ada", "refresh-token-grace"])
    error_message = "The grant is on the listeners' secrets and no others."
  }

  assert {
    condition     = google_project_iam_custom_role.list_secrets.permissions == toset(["secretmanager.secrets.list"])
    error_message = "On the project ingest may list and nothing else."
  }

  assert {
    condition     = !contains(google_project_iam_custom_role.keep_token.permissions, "secretmanager.secrets.delete")
    error_message = "Ingest may not delete a listener."
  }

  assert {
    condition     = alltrue([for f in [module.ingest.function, module.load.function, module.transform_trigger.function] : length(f.service_config[0].secret_environment_variables) == 0])
    error_message = "A secret in the environment would be pinned and shown."
  }
}
