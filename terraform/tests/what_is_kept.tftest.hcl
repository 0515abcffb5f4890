# What is only needed for a while goes by itself, what cannot be had again stays.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }

run "each_thing_is_kept_as_long_as_it_is_needed" {
  command = plan

  assert {
    condition     = one([for rule in google_storage_bucket.landing.lifecycle_rule : one(rule.condition).age if one(rule.action).type == "Delete"]) == 30
    error_message = "By default a landed file stays for 30 days."
  }

  assert {
    condition     = alltrue([for bucket in [google_storage_bucket.landing, google_storage_bucket.quarantine] : bucket.soft_delete_policy[0].retention_duration_seconds == 0])
    error_message = "Soft delete would keep a forgotten listener's files for seven days at least."
  }

  assert {
    condition     = google_bigquery_dataset.main.max_time_travel_hours == "48"
    error_message = "BigQuery's time travel must be as short as it can be."
  }

  assert {
    condition     = one([for rule in google_storage_bucket.quarantine.lifecycle_rule : one(rule.condition).age if one(rule.action).type == "Delete"]) == 180
    error_message = "What is in quarantine may be all that is left of a play, and is personal: half a year."
  }

  assert {
    condition     = one([for rule in google_storage_bucket.spark_temp.lifecycle_rule : one(rule.condition).age if one(rule.action).type == "Delete"]) == 1
    error_message = "What a killed batch leaves behind must go after a day."
  }

  assert {
    condition     = alltrue([for bucket in [google_storage_bucket.spark_temp, google_storage_bucket.code] : bucket.soft_delete_policy[0].retention_duration_seconds == 0])
    error_message = "What can be made again is not kept, and billed, for a week."
  }

  assert {
    condition     = alltrue([for repository in [google_artifact_registry_repository.functions, google_artifact_registry_repository.dashboard] : !repository.cleanup_policy_dry_run && toset(repository.cleanup_policies[*].action) == toset(["KEEP", "DELETE"])])
    error_message = "Old images must go, the newest must stay."
  }
}

run "the_owner_can_keep_landed_files_longer" {
  command = plan

  variables { landing_days = 365 }

  assert {
    condition     = one([for rule in google_storage_bucket.landing.lifecycle_rule : one(rule.condition).age if one(rule.action).type == "Delete"]) == 365
    error_message = "landing_days must count."
  }
}

run "the_image_that_runs_is_kept_however_old" {
  command = plan

  variables {
    dashboard       = { viewers = { "you@example.com" = ["*"] } }
    dashboard_image = "us-docker.pkg.dev/p/r/dashboard@sha256:1111111111111111111111111111111111111111111111111111111111111111"
  }

  assert {
    condition     = one([for policy in google_artifact_registry_repository.dashboard.cleanup_policies : one(one(policy.condition).version_name_prefixes) if policy.id == "keep-what-is-deployed" && policy.action == "KEEP"]) == "sha256:1111111111111111111111111111111111111111111111111111111111111111"
    error_message = "Pushes without an approval must not push the deployed image out."
  }
}

run "the_repository_stays_without_a_dashboard_for_the_image_that_turns_it_on" {
  command = plan

  variables {
    dashboard = { access = "off" }
  }

  assert {
    condition     = google_artifact_registry_repository.dashboard.repository_id == "heavy-rotation"
    error_message = "Cloud Build pushes the image before the apply."
  }
}
