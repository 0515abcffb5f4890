# Mail when something needs a person. What each alert means and what to do is in its text and in docs/troubles.md.
# Messages are the constant sentences that the functions log; tests/terraform holds both sides against each other.

locals {
  from_function = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(\"ingest\" OR \"load\" OR \"transform-trigger\")"

  # Where an alert has labels, each combination of their values has mail of its own; for an entry without the field the
  # value is empty.
  log_alerts = {
    consent = {
      name     = "A listener needs to consent again, or soon will"
      severity = "WARNING"
      filter   = <<-EOT
        ${local.from_function} AND (
          jsonPayload.message="A listener's consent ends soon"
          OR (jsonPayload.message="A listener could not be polled" AND jsonPayload.error_class="NeedsConsent")
        )
      EOT
      help     = "A consent is valid for six months, and the listener can revoke it. The log entry names the listener. Run `python -m cli authorize LISTENER`. Plays are lost once 50 newer ones have been played."
      labels   = { listener = "EXTRACT(jsonPayload.listener)" }
    }
    quarantine = {
      name     = "Something landed in the quarantine bucket"
      severity = "ERROR"
      filter   = <<-EOT
        ${local.from_function} AND (
          jsonPayload.message="An item could not be read and is in the quarantine bucket"
          OR (jsonPayload.message="A file cannot be loaded" AND jsonPayload.error_class="FileRefused")
          OR jsonPayload.message="A file was loaded without its bad rows"
        )
      EOT
      help     = "The object in gs://${local.buckets.quarantine} holds what could not be read and the reason. The other plays of the run are safe, the good rows of the file among them, and the next run lands the refused rows again as long as Spotify still has them."
    }
    doubled = {
      name     = "Plays are stored twice"
      severity = "ERROR"
      filter   = "${local.from_function} AND jsonPayload.message=\"Plays are stored twice\""
      help     = "Two loads ran at once, which Cloud Run does not rule out, and both stored the same play; or an earlier version stored it under two ids of its track. Nothing is lost, and every reader counts a key once. `python -m cli repair` makes one row of each such play; with `--dry-run` it only shows them."
    }
    gap = {
      name     = "Plays may be missing"
      severity = "WARNING"
      filter   = "${local.from_function} AND jsonPayload.message=\"Plays may be missing\""
      help     = "Spotify's page, the newest 50 plays at most, did not reach back to a play stored from Spotify's API: the log entry names the listener, and the table `gaps` says from when to when. Only Spotify's data export (privacy settings of the account) has those plays: `python -m cli import LISTENER FILE` stores them. Files that were imported before are given again."
      labels   = { listener = "EXTRACT(jsonPayload.listener)" }
    }
    batch = {
      name     = "A Spark batch failed"
      severity = "ERROR"
      # Dataproc's audit log reports it at once, in a form that Google may change. The entry is this project's own:
      # transform_trigger writes it as soon as the next plays arrive.
      filter = <<-EOT
        (protoPayload.serviceName="dataproc.googleapis.com" AND protoPayload.methodName:"CreateBatch" AND severity>=ERROR)
        OR (${local.from_function} AND jsonPayload.message=("A Spark batch failed" OR "No batch can be submitted"))
      EOT
      help   = "The top ten is as it was; new plays start another batch, after two failures only once `top_tracks_min_interval_minutes` are over. `gcloud dataproc batches list --region ${var.region} --project ${var.project_id}` names the batch, `gcloud dataproc batches wait BATCH --region ${var.region} --project ${var.project_id}` shows its output. A new project may lack the quota of 12 vCPU and 750 GB of disk: `python -m cli check` says so."
    }
    token = {
      name     = "A token was read, and not by ingest"
      severity = "WARNING"
      filter   = <<-EOT
        protoPayload.serviceName="secretmanager.googleapis.com" AND protoPayload.methodName:"AccessSecretVersion"
        AND protoPayload.resourceName=~"/secrets/(refresh-token-|spotify-client)"
        AND NOT protoPayload.authenticationInfo.principalEmail="${module.ingest.identity.email}"
      EOT
      help     = "The log entry names the account (`principalEmail`) and its address. Your own `python -m cli authorize` reads the secrets, too. If it was neither: `python -m cli authorize LISTENER` replaces the token, its `--new-client` the app's secret, and the account needs to lose its role on the secret."
      labels   = { account = "EXTRACT(protoPayload.authenticationInfo.principalEmail)" }
    }
    error = {
      name     = "A function reports an error"
      severity = "ERROR"
      # Not what has an alert of its own above. Answers of 500 are counted below: one that a retry heals is not a reason
      # for mail, and transform_trigger answers so on purpose while a batch runs.
      filter = <<-EOT
        ${local.from_function} AND severity>=ERROR AND jsonPayload.message:*
        AND NOT jsonPayload.error_class="NeedsConsent"
        AND NOT jsonPayload.message="An item could not be read and is in the quarantine bucket"
        AND NOT (jsonPayload.message="A file cannot be loaded" AND jsonPayload.error_class="FileRefused")
        AND NOT jsonPayload.message=("A Spark batch failed" OR "No batch can be submitted")
        AND NOT jsonPayload.message="A file was loaded without its bad rows"
        AND NOT jsonPayload.message="Plays are stored twice"
      EOT
      help   = "The log entry has the reason, and the listener if it is about one. `python -m cli runs` shows the ledger."
      labels = { listener = "EXTRACT(jsonPayload.listener)", function = "EXTRACT(resource.labels.service_name)" }
    }
  }
}

resource "google_monitoring_notification_channel" "owner" {
  display_name = "Heavy Rotation's owner"
  type         = "email"
  labels       = { email_address = var.alert_email }

  depends_on = [time_sleep.apis]
}

resource "google_monitoring_alert_policy" "log" {
  for_each = local.log_alerts

  display_name          = "Heavy Rotation: ${each.value.name}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = [google_monitoring_notification_channel.owner.id]

  conditions {
    display_name = each.value.name

    condition_matched_log {
      filter           = trimspace(each.value.filter)
      label_extractors = try(each.value.labels, null)
    }
  }

  alert_strategy {
    auto_close = "86400s"

    # A log alert must say how often at most it sends mail; with labels, for each combination of their values. Google
    # sends 20 a day for an alert (cloud.google.com/monitoring/quotas), which five listeners' errors, those of the app's
    # secret and each function's others would exceed every six hours; every twelve they are 18.
    notification_rate_limit {
      period = can(each.value.labels) ? "43200s" : "21600s"
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = each.value.help
  }
}

# Counts the runs that read a listener's page, whether it had plays or not. A run during a pause that Spotify has set
# reads none.
resource "google_logging_metric" "good_runs" {
  name        = "heavy-rotation/good-runs"
  description = "Runs of ingest that polled a listener."
  filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"ingest\" AND jsonPayload.message=\"The run has ended\" AND jsonPayload.polled>0"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"
  }

  depends_on = [time_sleep.apis]
}

# A new metric is unknown to alerts at first, "up to 10 minutes" in the words of the error that an alert made too early
# gets (github.com/hashicorp/terraform-provider-google/issues/11102). The functions are built meanwhile.
resource "time_sleep" "good_runs" {
  create_duration = "600s"

  triggers = { metric = google_logging_metric.good_runs.name }
}

resource "google_monitoring_alert_policy" "silence" {
  display_name          = "Heavy Rotation: No good run for three intervals"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = [google_monitoring_notification_channel.owner.id]

  conditions {
    display_name = "No good run in ${3 * local.interval_hours} hours"

    condition_threshold {
      filter          = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${time_sleep.good_runs.triggers.metric}\""
      comparison      = "COMPARISON_LT"
      threshold_value = 1
      duration        = "300s"
      # No data at all is what this alert is for.
      evaluation_missing_data = "EVALUATION_MISSING_DATA_ACTIVE"

      aggregations {
        alignment_period     = "${3 * local.interval_hours * 3600}s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "Plays are lost once a listener has played 50 newer ones, about three hours of music. `python -m cli runs` says why the last runs failed; `gcloud scheduler jobs describe ingest-hourly --location ${var.region} --project ${var.project_id}` says whether ingest is called at all."
  }
}

resource "google_monitoring_alert_policy" "crash" {
  display_name          = "Heavy Rotation: A function keeps failing"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = [google_monitoring_notification_channel.owner.id]

  conditions {
    display_name = "Three failed calls of ingest or load within an hour"

    condition_threshold {
      filter          = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=one_of(\"ingest\", \"load\") AND metric.type=\"run.googleapis.com/request_count\" AND metric.labels.response_code_class=\"5xx\""
      comparison      = "COMPARISON_GT"
      threshold_value = 2
      duration        = "0s"

      aggregations {
        alignment_period     = "3600s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.label.service_name"]
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "A Google service was away or refused the call, as where a grant is missing; or Spotify was away and no listener could be polled. Calls are repeated, so nothing is lost yet: an hour's file for 24 hours, and then once a day for two weeks. The function's log in Cloud Logging has an entry for each."
  }
}

resource "google_monitoring_alert_policy" "waiting" {
  display_name          = "Heavy Rotation: New plays wait too long for the top ten"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = [google_monitoring_notification_channel.owner.id]

  # A batch may take half an hour, after which it is stopped; the message is redelivered ten minutes later at most.
  conditions {
    display_name = "A message has waited for 50 minutes"

    condition_threshold {
      filter          = "resource.type=\"pubsub_subscription\" AND resource.labels.subscription_id=\"${google_pubsub_subscription.plays_loaded.name}\" AND metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      comparison      = "COMPARISON_GT"
      threshold_value = 3000
      duration        = "0s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  conditions {
    display_name = "A message was not delivered"

    condition_threshold {
      filter          = "resource.type=\"pubsub_subscription\" AND resource.labels.subscription_id=\"${google_pubsub_subscription.plays_loaded_dead.name}\" AND metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "A batch runs for too long, or transform_trigger fails. `gcloud dataproc batches list --region ${var.region} --project ${var.project_id}` shows the batches. The plays are safe in the warehouse; new plays start another batch, after two failures only once `top_tracks_min_interval_minutes` are over."
  }
}
