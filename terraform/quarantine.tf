# The bucket for what could not be read: files with refused rows, items that are not plays, each with the reason.

resource "google_storage_bucket" "quarantine" {
  #checkov:skip=CKV_GCP_62:Reads are in Cloud Audit Logs (project.tf), which need no bucket of their own.
  #checkov:skip=CKV_GCP_78:An object is written once and never changed; what is deleted here has to be gone.
  name                        = local.buckets.quarantine
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = var.delete_history
  deletion_policy             = var.delete_history ? "DELETE" : "ABANDON"

  # It may be all that is left of a play, and it is listening of a person: half a year to look into it, and no longer.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 180
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

# Ingest puts unreadable items here, each once: a retry must get 412, as with the landing bucket.
resource "google_storage_bucket_iam_member" "quarantine_ingest" {
  bucket = google_storage_bucket.quarantine.name
  role   = "roles/storage.objectUser"
  member = module.ingest.identity.member
}

# Load puts refused files and reasons here, each once, for the same reason with the same role. No part reads them: that
# is for the owner.
resource "google_storage_bucket_iam_member" "quarantine_load" {
  bucket = google_storage_bucket.quarantine.name
  role   = "roles/storage.objectUser"
  member = module.load.identity.member
}
