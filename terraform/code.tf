# What is deployed: the functions' zips and the Spark job in a bucket, the functions' images in a repository, and the
# identity that builds them.

resource "google_storage_bucket" "code" {
  #checkov:skip=CKV_GCP_62:Reads are in Cloud Audit Logs (project.tf), which need no bucket of their own.
  #checkov:skip=CKV_GCP_78:Every object carries its content's hash in its name, which is a version.
  name                        = local.buckets.code
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  # Terraform deletes what it replaces; keeping it for a week more would only be paid for.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  depends_on = [time_sleep.apis]
}

resource "google_artifact_registry_repository" "functions" {
  #checkov:skip=CKV_GCP_84:Google's own encryption is enough for images of public code; a key of ours costs $0.06 a month.
  repository_id          = "functions"
  location               = var.region
  description            = "Images that Cloud Build makes of the functions."
  format                 = "DOCKER"
  cleanup_policy_dry_run = false

  cleanup_policies {
    id     = "keep-the-newest"
    action = "KEEP"

    most_recent_versions {
      keep_count = 2
    }
  }

  cleanup_policies {
    id     = "delete-the-rest"
    action = "DELETE"

    condition {
      older_than = "7d"
    }
  }

  depends_on = [time_sleep.apis]
}

resource "google_service_account" "builder" {
  account_id   = "build-functions"
  display_name = "Builds the functions"
  description  = "Turns the functions' zips into images. Never runs them."

  depends_on = [time_sleep.apis]
}

# The builder writes the build's log, and can read none.
resource "google_project_iam_member" "builder_log" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.builder.member
}

# The builder stores what it built, in the functions' repository only: the dashboard's is out of its reach.
resource "google_artifact_registry_repository_iam_member" "builder" {
  location   = google_artifact_registry_repository.functions.location
  repository = google_artifact_registry_repository.functions.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.builder.member
}

# The builder reads the zips.
resource "google_storage_bucket_iam_member" "code_builder" {
  bucket = google_storage_bucket.code.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.builder.member
}

# The builder reads the copies of the zips that Cloud Functions makes, in a bucket that is not there before the first
# build. Hence the project, and hence the condition: no other bucket is opened by this grant. It names no `resource.type`:
# objects are listed on the bucket and read on the object, and the beginning of the name covers both.
resource "google_project_iam_member" "builder_sources" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = google_service_account.builder.member

  condition {
    title       = "sources-of-functions"
    description = "Only the buckets in which Cloud Functions keeps sources."
    expression  = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-\")"
  }
}
