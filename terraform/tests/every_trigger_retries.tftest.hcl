# Every failure is retried, and a message that used up its retries is kept and raises an alert.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }

run "every_trigger_retries" {
  command = plan

  assert {
    condition     = module.load.function.event_trigger[0].retry_policy == "RETRY_POLICY_RETRY"
    error_message = "Without it Eventarc drops a failed event as if it had succeeded."
  }

  assert {
    condition     = google_pubsub_subscription.plays_loaded.retry_policy[0].maximum_backoff == "600s" && google_pubsub_subscription.plays_loaded.message_retention_duration == "86400s"
    error_message = "A message must come again for hours."
  }

  assert {
    condition     = google_cloud_scheduler_job.ingest.retry_config[0].retry_count >= 1
    error_message = "A failed run must be tried again before the next slot."
  }

  assert {
    condition     = google_pubsub_subscription.plays_loaded.dead_letter_policy[0].max_delivery_attempts == 100
    error_message = "A message that waits for a batch must not be given up early."
  }

  assert {
    condition     = google_pubsub_subscription.plays_loaded.expiration_policy[0].ttl == "" && google_pubsub_subscription.plays_loaded_dead.expiration_policy[0].ttl == ""
    error_message = "A quiet month must not delete a subscription."
  }

  assert {
    condition     = google_monitoring_alert_policy.silence.conditions[0].condition_threshold[0].aggregations[0].alignment_period == "10800s"
    error_message = "Silence is noticed after three intervals: of an hour, here."
  }
}

run "silence_is_noticed_after_three_longer_intervals" {
  command = plan

  variables { schedule = "30 */6 * * *" }

  assert {
    condition     = google_monitoring_alert_policy.silence.conditions[0].condition_threshold[0].aggregations[0].alignment_period == "64800s"
    error_message = "Every six hours: after eighteen."
  }
}
