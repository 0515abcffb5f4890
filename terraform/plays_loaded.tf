# The topic that announces new plays in the warehouse, its one subscription, and a place for messages that could not be handled.

resource "google_pubsub_topic" "plays_loaded" {
  #checkov:skip=CKV_GCP_83:Messages hold a run id and a count; Google's own encryption is enough.
  name = "plays-loaded"

  depends_on = [time_sleep.apis]
}

resource "google_pubsub_topic" "plays_loaded_dead" {
  #checkov:skip=CKV_GCP_83:Messages hold a run id and a count; Google's own encryption is enough.
  name = "plays-loaded-dead"

  depends_on = [time_sleep.apis]
}

# Our own subscription, because the one that a function's trigger would make takes no dead-letter topic.
resource "google_pubsub_subscription" "plays_loaded" {
  name  = "plays-loaded-transform-trigger"
  topic = google_pubsub_topic.plays_loaded.id

  # As long as the function may take.
  ack_deadline_seconds       = 540
  message_retention_duration = "86400s"

  push_config {
    push_endpoint = module.transform_trigger.uri

    oidc_token {
      service_account_email = module.transform_trigger.caller.email
      audience              = module.transform_trigger.uri
    }
  }

  # A message waits while a batch runs, half an hour at the longest: it comes often at first, then every ten minutes.
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.plays_loaded_dead.id
    max_delivery_attempts = 100
  }

  # Never: the default deletes a subscription that was idle for 31 days, and a listener may go on holiday.
  expiration_policy {
    ttl = ""
  }
}

# A topic without a subscription drops its messages. This one keeps a dead letter for a week.
resource "google_pubsub_subscription" "plays_loaded_dead" {
  name                       = "plays-loaded-dead"
  topic                      = google_pubsub_topic.plays_loaded_dead.id
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }
}

# Load alone publishes that plays were loaded.
resource "google_pubsub_topic_iam_member" "load" {
  topic  = google_pubsub_topic.plays_loaded.id
  role   = "roles/pubsub.publisher"
  member = module.load.identity.member
}

# Pub/Sub's agent moves a message to the dead letters: it publishes there …
resource "google_pubsub_topic_iam_member" "pubsub_agent" {
  topic  = google_pubsub_topic.plays_loaded_dead.id
  role   = "roles/pubsub.publisher"
  member = time_sleep.agents.triggers["pubsub.googleapis.com"]
}

# … and takes it from the subscription it was in.
resource "google_pubsub_subscription_iam_member" "pubsub_agent" {
  subscription = google_pubsub_subscription.plays_loaded.name
  role         = "roles/pubsub.subscriber"
  member       = time_sleep.agents.triggers["pubsub.googleapis.com"]
}

# Pub/Sub's agent shows the caller's token to transform_trigger.
resource "google_service_account_iam_member" "pubsub_agent" {
  service_account_id = module.transform_trigger.caller.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = time_sleep.agents.triggers["pubsub.googleapis.com"]
}
