# The dashboard expects no run of this schedule from before it began.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }

override_resource {
  target          = time_static.schedule
  override_during = plan
  values          = { rfc3339 = "2026-11-24T12:00:00Z" }
}

run "another_schedule_begins_anew_and_the_dashboard_is_told_when" {
  command = plan

  variables {
    schedule        = "7 */3 * * *"
    dashboard       = { viewers = { "you@example.com" = ["*"] } }
    dashboard_image = "us-docker.pkg.dev/p/r/dashboard@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  }

  assert {
    condition     = time_static.schedule.triggers == tomap({ schedule = "7 */3 * * *" })
    error_message = "The instant must be taken anew when the schedule changes, and only then."
  }

  assert {
    condition     = [for env in google_cloud_run_v2_service.dashboard[0].template[0].containers[0].env : env.value if startswith(env.name, "SCHEDULE")] == ["7 */3 * * *", "2026-11-24T12:00:00Z"]
    error_message = "The dashboard must know both."
  }
}
