# A wrong value is refused with a sentence before anything is made.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }

run "each_of_these_is_refused" {
  command = plan

  variables {
    alert_email                     = "you"
    audio_features_source           = "guess"
    budget                          = { billing_account = "mine" }
    catalogue_tracks_per_run        = 0.5
    dashboard_image                 = "us-docker.pkg.dev/p/r/dashboard:latest" # by tag
    landing_days                    = 14                                       # gone while it is still re-sent
    listeners                       = { Ada = "Europe/London" }                # in capitals
    project_id                      = "My Project"                             # its name
    region                          = "US"                                     # several
    schedule                        = "0 3 * * *"                              # loses plays
    top_tracks_min_interval_minutes = -1
  }

  expect_failures = [
    var.alert_email, var.audio_features_source, var.budget, var.catalogue_tracks_per_run, var.dashboard_image,
    var.landing_days, var.listeners, var.project_id, var.region, var.schedule, var.top_tracks_min_interval_minutes,
  ]
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

run "a_viewer_without_a_domain" {
  command = plan
  variables { dashboard = { viewers = { "you@localhost" = ["*"] } } }
  expect_failures = [var.dashboard]
}

run "a_viewer_with_a_letter_outside_ascii" {
  command = plan
  variables { dashboard = { viewers = { "jürgen@example.com" = ["*"] } } }
  expect_failures = [var.dashboard]
}

run "one_viewer_in_two_spellings" {
  command = plan
  variables { dashboard = { viewers = { "you@example.com" = ["ada"], "You@Example.com" = ["*"] } } }
  expect_failures = [var.dashboard]
}
