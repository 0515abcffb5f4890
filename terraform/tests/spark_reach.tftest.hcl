# Spark reaches Google and its own machines, its bucket, five tables, and no more.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }

run "spark_reaches_no_more_than_it_needs" {
  command = plan

  assert {
    condition     = google_compute_subnetwork.spark.private_ip_google_access && !google_compute_network.spark.auto_create_subnetworks
    error_message = "Google is reached without an address outside."
  }

  assert {
    condition     = toset(google_compute_firewall.spark_within.source_ranges) == toset([google_compute_subnetwork.spark.ip_cidr_range]) && google_compute_firewall.spark_within.direction == "INGRESS"
    error_message = "Only the machines themselves get in."
  }

  assert {
    condition     = keys(google_bigquery_table_iam_member.spark_reads) == ["catalogue", "plays"] && alltrue([for grant in google_bigquery_table_iam_member.spark_reads : grant.role == "roles/bigquery.dataViewer"])
    error_message = "Spark may change neither plays nor the catalogue."
  }

  assert {
    condition     = keys(google_bigquery_table_iam_member.spark_writes) == ["runs", "top_tracks", "tracks"]
    error_message = "Spark writes the list of tracks, the top ten and the ledger."
  }

  assert {
    condition = google_project_iam_member.spark_worker.condition[0].expression == join(" || ", [
      "(resource.type != \"storage.googleapis.com/Bucket\" && resource.type != \"storage.googleapis.com/Object\")",
      "resource.name.startsWith(\"projects/_/buckets/dataproc-\")",
      "resource.name == \"projects/_/buckets/demo-project-spark-temp\"",
      "resource.name.startsWith(\"projects/_/buckets/demo-project-spark-temp/\")",
    ])
    error_message = "The worker role must open Dataproc's buckets and Spark's own, and no bucket whose name only begins like it."
  }

  assert {
    condition     = google_storage_bucket_iam_member.spark_temp_bucket.bucket == google_storage_bucket.spark_temp.name && google_storage_bucket_iam_member.spark_temp_bucket.role == "roles/storage.legacyBucketReader"
    error_message = "BigQuery may look at the bucket that Spark has it load from."
  }

  assert {
    condition     = module.transform_trigger.function.service_config[0].environment_variables["SPARK_JOB_URI"] == "gs://demo-project-code/spark_jobs/top_tracks-${filemd5("../spark_jobs/top_tracks.py")}.py"
    error_message = "The job file is named after its content."
  }

  assert {
    condition     = module.transform_trigger.function.service_config[0].environment_variables["SPARK_TEMP_BUCKET"] == "demo-project-spark-temp"
    error_message = "Batches write to their own bucket."
  }

  assert {
    condition     = module.transform_trigger.function.service_config[0].environment_variables["TOP_TRACKS_MIN_INTERVAL_MINUTES"] == "1440"
    error_message = "One batch a day is the default that costs least."
  }
}
