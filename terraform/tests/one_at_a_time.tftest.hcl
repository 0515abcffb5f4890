# One instance and one request at a time, as far as Cloud Run keeps to it: two MERGEs side by side that only insert store a
# play twice. Every wait for an answer is longer than the answer may take.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }

run "nothing_runs_beside_itself_and_waits_are_long_enough" {
  command = plan

  assert {
    condition     = alltrue([for f in [module.ingest.function, module.load.function, module.transform_trigger.function] : f.service_config[0].max_instance_count == 1 && f.service_config[0].max_instance_request_concurrency == 1])
    error_message = "One at a time."
  }

  assert {
    condition     = tonumber(trimsuffix(google_cloud_scheduler_job.ingest.attempt_deadline, "s")) > module.ingest.function.service_config[0].timeout_seconds
    error_message = "Cloud Scheduler must not give up on a run that is at work."
  }

  assert {
    condition     = module.load.function.service_config[0].timeout_seconds <= 540 && module.transform_trigger.function.service_config[0].timeout_seconds <= google_pubsub_subscription.plays_loaded.ack_deadline_seconds
    error_message = "An event must not come again while it is being handled."
  }

  assert {
    condition     = tonumber(trimsuffix(google_cloud_scheduler_job.ingest.attempt_deadline, "s")) <= 1800
    error_message = "Cloud Scheduler allows 30 minutes."
  }
}
