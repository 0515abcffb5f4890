# The Spotify app's client id and secret, in one secret. `python -m cli authorize` fills it on first use.

resource "google_secret_manager_secret" "spotify_client" {
  secret_id = "spotify-client"
  labels    = { app = "heavy-rotation", kind = "spotify-client" }

  replication {
    auto {}
  }

  depends_on = [time_sleep.apis]
}

# Ingest alone signs in to Spotify as the app. It reads the secret and cannot change it.
resource "google_secret_manager_secret_iam_member" "ingest_reads_client" {
  project   = var.project_id
  secret_id = google_secret_manager_secret.spotify_client.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = module.ingest.identity.member
}

# Where the newest version is disabled or destroyed, ingest logs which older one is enabled: states, no content.
resource "google_secret_manager_secret_iam_member" "ingest_sees_client_versions" {
  project   = var.project_id
  secret_id = google_secret_manager_secret.spotify_client.secret_id
  role      = "roles/secretmanager.viewer"
  member    = module.ingest.identity.member
}
