# Load makes tables beside the history, not in it: in the history it writes two tables and reads two.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }

run "load_writes_two_tables_reads_two_and_makes_its_own_elsewhere" {
  command = plan

  assert {
    condition     = google_bigquery_dataset_iam_member.load_staging.dataset_id == "listening_staging" && google_bigquery_dataset.main.dataset_id == "listening"
    error_message = "Load may make tables in the staging dataset only."
  }

  assert {
    condition     = google_bigquery_dataset.staging.default_table_expiration_ms == 3 * 24 * 3600 * 1000 && google_bigquery_dataset.main.default_table_expiration_ms == null
    error_message = "A staging table outlives Eventarc's 24 hours and then goes; the history stays."
  }

  assert {
    condition     = google_bigquery_dataset.staging.location == google_bigquery_dataset.main.location
    error_message = "A MERGE cannot leave its region."
  }

  assert {
    condition     = google_bigquery_dataset.staging.max_time_travel_hours == "48" && google_bigquery_dataset.staging.delete_contents_on_destroy
    error_message = "What is staged of a listener must be as soon gone as the rest, and holds up no destroy."
  }

  assert {
    condition     = module.load.function.service_config[0].environment_variables["STAGING_DATASET"] == "listening_staging" && output.settings["STAGING_DATASET"] == "listening_staging"
    error_message = "Load and the commands must know where to stage."
  }

  assert {
    condition     = keys(google_bigquery_table_iam_member.load_writes) == ["plays", "runs"] && alltrue([for grant in google_bigquery_table_iam_member.load_writes : grant.dataset_id == "listening"])
    error_message = "Load writes plays and the ledger."
  }

  assert {
    condition     = keys(google_bigquery_table_iam_member.load_reads) == ["imports", "tracks"] && alltrue([for grant in google_bigquery_table_iam_member.load_reads : grant.role == "roles/bigquery.dataViewer"])
    error_message = "Load reads the tracks and which imports were undone."
  }
}
