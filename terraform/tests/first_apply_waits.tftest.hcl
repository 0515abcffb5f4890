# Google says that an agent or a grant is there, and for a while answers as if it were not. The first apply waits for both.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }

run "agents_and_grants_are_waited_for" {
  command = plan

  assert {
    condition     = join(" ", keys(time_sleep.agents.triggers)) == "eventarc.googleapis.com iap.googleapis.com pubsub.googleapis.com storage.googleapis.com"
    error_message = "The wait must follow all four of Google's agents."
  }

  assert {
    condition     = tonumber(trimsuffix(time_sleep.agents.create_duration, "s")) >= 60
    error_message = "A minute is what helped others."
  }

  assert {
    condition     = join(" ", keys(time_sleep.grants.triggers)) == "builder_image builder_log builder_sources builder_zips eventarc_agent storage_agent"
    error_message = "Builds need the builder's four grants, triggers those of two agents."
  }

  assert {
    condition     = tonumber(trimsuffix(time_sleep.grants.create_duration, "s")) > 120
    error_message = "Two minutes are what IAM calls typical."
  }
}
