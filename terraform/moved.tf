# Grants that have changed their address and are the same as before. Without these lines an update of a deployed project would
# delete and make the same grant in no set order, and where the deletion comes last the part is left without it.

moved {
  from = google_project_iam_member.ingest_jobs
  to   = module.ingest.google_project_iam_member.bigquery_jobs
}

moved {
  from = google_project_iam_member.load_jobs
  to   = module.load.google_project_iam_member.bigquery_jobs
}

moved {
  from = google_project_iam_member.transform_trigger_jobs
  to   = module.transform_trigger.google_project_iam_member.bigquery_jobs
}

moved {
  from = google_bigquery_table_iam_member.ingest_plays
  to   = google_bigquery_table_iam_member.ingest_reads["plays"]
}

moved {
  from = google_bigquery_table_iam_member.spark_plays
  to   = google_bigquery_table_iam_member.spark_reads["plays"]
}

# No grant, but the images in it would go: it is made without a dashboard as well.
moved {
  from = google_artifact_registry_repository.dashboard[0]
  to   = google_artifact_registry_repository.dashboard
}
