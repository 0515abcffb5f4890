# A listener is a secret with labels. Terraform makes the empty container; `python -m cli authorize` puts the refresh
# token into it, so that no token is ever in a Terraform state.

resource "google_secret_manager_secret" "listener" {
  for_each = var.listeners

  secret_id = "refresh-token-${each.key}"

  labels = {
    app      = "heavy-rotation"
    kind     = "refresh-token"
    listener = each.key
  }

  replication {
    auto {}
  }

  depends_on = [time_sleep.apis]
}

# Listing is a right on the project, so it is all that this role can do: names and labels, no content.
resource "google_project_iam_custom_role" "list_secrets" {
  role_id     = "heavyRotationListSecrets"
  title       = "Heavy Rotation: list secrets"
  description = "See which secrets there are and how they are labelled, never what they hold."
  permissions = ["secretmanager.secrets.list"]

  # From 7 to 37 days after a role was deleted it can neither be restored nor made again (the provider's page on this
  # resource). So a destroy takes its grants and leaves the role.
  deletion_policy = "ABANDON"

  depends_on = [time_sleep.apis]
}

# Exactly what replacing a rotated token takes: read it, add the next version, find and destroy the outlived ones.
resource "google_project_iam_custom_role" "keep_token" {
  role_id     = "heavyRotationKeepToken"
  title       = "Heavy Rotation: keep a refresh token"
  description = "Read a secret, add a version, list its versions and destroy old ones."
  permissions = [
    "secretmanager.versions.access",
    "secretmanager.versions.add",
    "secretmanager.versions.destroy",
    "secretmanager.versions.list",
  ]

  deletion_policy = "ABANDON"

  depends_on = [time_sleep.apis]
}

# Ingest lists the listeners. No other part needs to.
resource "google_project_iam_member" "ingest_lists_secrets" {
  project = var.project_id
  role    = google_project_iam_custom_role.list_secrets.name
  member  = module.ingest.identity.member
}

# Ingest alone may read a refresh token and replace a rotated one: on these secrets, not on the project's others.
resource "google_secret_manager_secret_iam_member" "ingest_keeps_token" {
  for_each = google_secret_manager_secret.listener

  project   = var.project_id
  secret_id = each.value.secret_id
  role      = google_project_iam_custom_role.keep_token.name
  member    = module.ingest.identity.member
}
