# A destroy leaves what was collected where it is, unless the owner has said otherwise and applied it.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }

run "a_destroy_leaves_the_history" {
  command = plan

  assert {
    condition     = google_bigquery_dataset.main.deletion_policy == "ABANDON" && google_bigquery_dataset.main.delete_contents_on_destroy == false
    error_message = "The dataset must survive a destroy."
  }

  assert {
    condition     = alltrue([for table in google_bigquery_table.main : table.deletion_policy == "ABANDON"])
    error_message = "The tables must survive a destroy."
  }

  assert {
    condition     = alltrue([for bucket in [google_storage_bucket.landing, google_storage_bucket.quarantine] : bucket.deletion_policy == "ABANDON" && !bucket.force_destroy])
    error_message = "What has landed must survive a destroy."
  }

  assert {
    condition     = alltrue([for role in [google_project_iam_custom_role.keep_token, google_project_iam_custom_role.list_secrets, google_project_iam_custom_role.submit_batch] : role.deletion_policy == "ABANDON"])
    error_message = "The id of a deleted role is taken for 37 days, and no apply could make it again."
  }

  assert {
    condition     = strcontains(output.history, "leaves the dataset listening")
    error_message = "The output must say what a destroy does."
  }
}

run "a_destroy_deletes_the_history_with_delete_history" {
  command = plan

  variables { delete_history = true }

  assert {
    condition     = google_bigquery_dataset.main.deletion_policy == "DELETE" && google_bigquery_dataset.main.delete_contents_on_destroy && google_storage_bucket.landing.force_destroy
    error_message = "delete_history = true must make the destroy complete."
  }

  assert {
    condition     = strcontains(output.history, "DELETES")
    error_message = "The output must say what a destroy does."
  }
}

run "the_first_apply_chooses_the_place" {
  plan_options { target = [terraform_data.place] }

  assert {
    condition     = terraform_data.place.output == { project_id = "demo-project", region = "us-central1" }
    error_message = "The place must be remembered."
  }
}

run "another_region_would_leave_the_history_behind" {
  command = plan

  plan_options { target = [terraform_data.place] }

  variables { region = "europe-west1" }

  expect_failures = [terraform_data.place]
}

run "another_project_would_leave_the_history_behind" {
  command = plan

  plan_options { target = [terraform_data.place] }

  variables { project_id = "other-project" }

  expect_failures = [terraform_data.place]
}

run "the_same_place_is_no_trouble" {
  command = plan

  plan_options { target = [terraform_data.place] }

  assert {
    condition     = terraform_data.place.output.region == "us-central1"
    error_message = "A second plan in the same place must pass."
  }
}
