# Spark's side of the top ten: the job file, the identity that batches act as, a bucket for files on their way into
# BigQuery, and a network from which nothing but Google can be reached. A batch itself is a run, not infrastructure.

resource "google_storage_bucket_object" "top_tracks" {
  bucket  = google_storage_bucket.code.name
  name    = "spark_jobs/top_tracks-${filemd5("${local.root}/spark_jobs/top_tracks.py")}.py"
  content = file("${local.root}/spark_jobs/top_tracks.py")

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_service_account" "spark" {
  account_id   = "spark-top-tracks"
  display_name = "The Spark job top_tracks"
  description  = "Reads plays and catalogue; writes tracks, top_tracks and its row in runs."

  depends_on = [time_sleep.apis]
}

resource "google_storage_bucket" "spark_temp" {
  #checkov:skip=CKV_GCP_62:Reads are in Cloud Audit Logs (project.tf), which need no bucket of their own.
  #checkov:skip=CKV_GCP_78:Nothing is kept here for longer than a day.
  name                        = local.buckets.spark_temp
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  # A batch that is killed leaves its files behind.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 1
    }
  }

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  depends_on = [time_sleep.apis]
}

# Spark's machines report to Dataproc with this role, which Dataproc needs on the project. It would also open every
# bucket; the condition leaves only Dataproc's own and Spark's: the landed files and the code stay closed.
resource "google_project_iam_member" "spark_worker" {
  project = var.project_id
  role    = "roles/dataproc.worker"
  member  = google_service_account.spark.member

  condition {
    title       = "no-other-buckets"
    description = "Everything but the buckets that are not Spark's."
    # Google's form of "all but storage": a type that is not known counts as another one
    # (cloud.google.com/iam/docs/conditions-attribute-reference).
    expression = join(" || ", [
      "(resource.type != \"storage.googleapis.com/Bucket\" && resource.type != \"storage.googleapis.com/Object\")",
      "resource.name.startsWith(\"projects/_/buckets/dataproc-\")",
      "resource.name == \"projects/_/buckets/${google_storage_bucket.spark_temp.name}\"",
      "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.spark_temp.name}/\")",
    ])
  }
}

# Spark reads its job file.
resource "google_storage_bucket_iam_member" "code_spark" {
  bucket = google_storage_bucket.code.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.spark.member
}

# Spark writes rows as files, has BigQuery load them, and deletes them. No other part uses this bucket.
resource "google_storage_bucket_iam_member" "spark_temp" {
  bucket = google_storage_bucket.spark_temp.name
  role   = "roles/storage.objectAdmin"
  member = google_service_account.spark.member
}

# Those load jobs may look at the bucket itself, like load's.
resource "google_storage_bucket_iam_member" "spark_temp_bucket" {
  bucket = google_storage_bucket.spark_temp.name
  role   = "roles/storage.legacyBucketReader"
  member = google_service_account.spark.member
}

# Spark has BigQuery load its files, and reads tables through the Storage Read API. Both rights are the project's and
# hold no data.
resource "google_project_iam_member" "spark_bigquery" {
  for_each = toset(["roles/bigquery.jobUser", "roles/bigquery.readSessionUser"])

  project = var.project_id
  role    = each.value
  member  = google_service_account.spark.member
}

# Spark reads the plays and the catalogue. It cannot change them.
resource "google_bigquery_table_iam_member" "spark_reads" {
  for_each = toset(["catalogue", "plays"])

  dataset_id = google_bigquery_dataset.main.dataset_id
  table_id   = google_bigquery_table.main[each.value].table_id
  role       = "roles/bigquery.dataViewer"
  member     = google_service_account.spark.member
}

# Spark overwrites the list of tracks and the top ten, and appends its row to the ledger.
resource "google_bigquery_table_iam_member" "spark_writes" {
  for_each = toset(["runs", "top_tracks", "tracks"])

  dataset_id = google_bigquery_dataset.main.dataset_id
  table_id   = google_bigquery_table.main[each.value].table_id
  role       = "roles/bigquery.dataEditor"
  member     = google_service_account.spark.member
}

resource "google_compute_network" "spark" {
  name                    = "spark"
  description             = "For Spark alone: no addresses outside, no way out but to Google."
  auto_create_subnetworks = false

  depends_on = [time_sleep.apis]
}

resource "google_compute_subnetwork" "spark" {
  #checkov:skip=CKV_GCP_26:Flow logs of three machines that run for minutes would be most of the logging bill.
  name                     = "spark"
  region                   = var.region
  network                  = google_compute_network.spark.id
  ip_cidr_range            = "10.20.0.0/24"
  private_ip_google_access = true
}

# Spark's driver and executors talk to each other on ports of their choice, as Dataproc demands. No other traffic gets in.
resource "google_compute_firewall" "spark_within" {
  name          = "spark-within"
  network       = google_compute_network.spark.id
  direction     = "INGRESS"
  source_ranges = [google_compute_subnetwork.spark.ip_cidr_range]

  allow {
    protocol = "all"
  }
}
