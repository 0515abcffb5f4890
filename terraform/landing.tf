# The bucket for the runs' files, of ingest and of the owner's imports. Each object in it is an event for load, so nothing
# else may ever be put here: Eventarc cannot filter by name.

resource "google_storage_bucket" "landing" {
  #checkov:skip=CKV_GCP_62:Reads are in Cloud Audit Logs (project.tf), which need no bucket of their own.
  #checkov:skip=CKV_GCP_78:What a file held is in BigQuery within minutes; what is deleted here has to be gone.
  name                        = local.buckets.landing
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = var.delete_history
  deletion_policy             = var.delete_history ? "DELETE" : "ABANDON"

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = var.landing_days
    }
  }

  # The least that Cloud Storage keeps is seven days, and a listener who leaves must be gone within five.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 1
    }
  }

  depends_on = [time_sleep.apis]
}

# Ingest writes its run's file, reads it back on a retry, and must get 412 when it is there. Cloud Storage checks
# the right to replace an object before it says so, hence objectUser. In the cloud no other part writes here; `import`
# and `forget` do, as the owner.
resource "google_storage_bucket_iam_member" "landing_ingest" {
  bucket = google_storage_bucket.landing.name
  role   = "roles/storage.objectUser"
  member = module.ingest.identity.member
}

# Load reads the files, by itself and through BigQuery, which reads as its caller. It can change none.
resource "google_storage_bucket_iam_member" "landing_load" {
  bucket = google_storage_bucket.landing.name
  role   = "roles/storage.objectViewer"
  member = module.load.identity.member
}

# A load job may look at the bucket itself (storage.buckets.get in BigQuery's page on loading), which objectViewer lacks.
resource "google_storage_bucket_iam_member" "landing_load_bucket" {
  bucket = google_storage_bucket.landing.name
  role   = "roles/storage.legacyBucketReader"
  member = module.load.identity.member
}

# Cloud Storage makes its agent when this is read.
data "google_storage_project_service_account" "main" {
  depends_on = [time_sleep.apis]
}

# Cloud Storage's agent publishes the events of new objects. Eventarc makes the topic later and names it itself, so the
# grant is on the project; no person and no part of ours acts as this agent.
resource "google_project_iam_member" "storage_agent" {
  project = var.project_id
  role    = "roles/pubsub.publisher"
  member  = time_sleep.agents.triggers["storage.googleapis.com"]

  # The agent keeps its name, which is not known to a plan that enables another API. Replaced, the grant would be gone for
  # minutes, or for good where the apply stops between, and landed files would bring no event.
  lifecycle {
    ignore_changes = [member]
  }
}
