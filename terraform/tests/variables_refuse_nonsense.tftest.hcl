# A wrong value is refused with a sentence before anything is made.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }

run "a_project_name_is_no_project_id" {
  command = plan
  variables { project_id = "My Project" }
  expect_failures = [var.project_id]
}

run "a_multi_region_is_no_region" {
  command = plan
  variables { region = "US" }
  expect_failures = [var.region]
}

run "a_listener_in_capitals" {
  command = plan
  variables { listeners = { Ada = "Europe/London" } }
  expect_failures = [var.listeners]
}

run "a_time_zone_by_offset" {
  command = plan
  variables { listeners = { ada = "GMT+1 " } }
  expect_failures = [var.listeners]
}

run "a_sixth_listener" {
  command = plan
  variables { listeners = { a = "UTC", b = "UTC", c = "UTC", d = "UTC", e = "UTC", f = "UTC" } }
  expect_failures = [var.listeners]
}

run "no_listener" {
  command = plan
  variables { listeners = {} }
  expect_failures = [var.listeners]
}

run "an_alert_to_nowhere" {
  command = plan
  variables { alert_email = "you" }
  expect_failures = [var.alert_email]
}

run "a_schedule_that_loses_plays" {
  command = plan
  variables { schedule = "0 3 * * *" }
  expect_failures = [var.schedule]
}

run "an_unknown_source_of_features" {
  command = plan
  variables { audio_features_source = "guess" }
  expect_failures = [var.audio_features_source]
}

run "a_part_of_a_track" {
  command = plan
  variables { catalogue_tracks_per_run = 0.5 }
  expect_failures = [var.catalogue_tracks_per_run]
}

run "an_image_by_tag" {
  command = plan
  variables { dashboard_image = "us-docker.pkg.dev/p/r/dashboard:latest" }
  expect_failures = [var.dashboard_image]
}

run "an_unknown_way_in" {
  command = plan
  variables { dashboard = { access = "open" } }
  expect_failures = [var.dashboard]
}

run "a_viewer_of_an_unknown_listener" {
  command = plan
  variables { dashboard = { viewers = { "you@example.com" = ["bob"] } } }
  expect_failures = [var.dashboard]
}

run "a_group_is_no_viewer" {
  command = plan
  variables { dashboard = { viewers = { "group:team@example.com" = ["*"] } } }
  expect_failures = [var.dashboard]
}

run "a_member_of_iam_is_no_address" {
  command = plan
  variables { dashboard = { viewers = { "user:you@example.com" = ["*"] } } }
  expect_failures = [var.dashboard]
}

run "a_viewer_without_a_domain" {
  command = plan
  variables { dashboard = { viewers = { "you@localhost" = ["*"] } } }
  expect_failures = [var.dashboard]
}

run "one_viewer_in_two_spellings" {
  command = plan
  variables { dashboard = { viewers = { "you@example.com" = ["ada"], "You@Example.com" = ["*"] } } }
  expect_failures = [var.dashboard]
}

run "a_negative_interval" {
  command = plan
  variables { top_tracks_min_interval_minutes = -1 }
  expect_failures = [var.top_tracks_min_interval_minutes]
}

run "landed_files_gone_before_a_retry" {
  command = plan
  variables { landing_days = 1 }
  expect_failures = [var.landing_days]
}

run "a_budget_for_no_account" {
  command = plan
  variables { budget = { billing_account = "mine" } }
  expect_failures = [var.budget]
}
