# One file per table is the only truth about it. tests/terraform/test_tables.py compares each table and view with its file;
# here are the names, the partitions of a table with and of one without, and that no key is declared.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }

run "every_file_is_a_table_and_every_table_has_its_file" {
  command = plan

  assert {
    condition     = toset(keys(google_bigquery_table.main)) == toset(["catalogue", "closed_gaps", "gaps", "imports", "plays", "runs", "top_tracks", "tracks"])
    error_message = "Eight files, eight tables."
  }

  assert {
    condition     = alltrue([for table in google_bigquery_table.main : length(table.table_constraints) == 0])
    error_message = "BigQuery enforces no key, and may answer from a declared one what asks whether rows break it."
  }

  assert {
    condition     = google_bigquery_table.main["plays"].time_partitioning[0].field == "played_at" && google_bigquery_table.main["plays"].clustering == tolist(["listener_id"])
    error_message = "Plays are partitioned by day and clustered by listener."
  }

  assert {
    condition     = length(google_bigquery_table.main["top_tracks"].time_partitioning) == 0
    error_message = "A table without partitions in its file has none."
  }

  assert {
    condition     = keys(google_bigquery_table.view) == ["counted_plays"] && strcontains(google_bigquery_table.view["counted_plays"].view[0].query, "FROM `demo-project.listening.plays`")
    error_message = "The view reads the plays of this project: BigQuery takes no name without one in a view."
  }
}
