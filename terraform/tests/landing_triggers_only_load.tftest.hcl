# The landing bucket is the filter that Eventarc lacks: its objects are events for load, and for nothing else.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }

run "landing_triggers_only_load" {
  command = plan

  assert {
    condition     = module.load.function.event_trigger[0].event_type == "google.cloud.storage.object.v1.finalized" && one(module.load.function.event_trigger[0].event_filters).value == google_storage_bucket.landing.name
    error_message = "New objects in the landing bucket must reach load."
  }

  assert {
    condition     = module.load.function.event_trigger[0].trigger_region == lower(google_storage_bucket.landing.location)
    error_message = "A trigger must be where its bucket is."
  }

  assert {
    condition     = length(module.ingest.function.event_trigger) == 0 && length(module.transform_trigger.function.event_trigger) == 0
    error_message = "Only load may be triggered by an object."
  }

  assert {
    condition     = !contains([google_storage_bucket.code.name, google_storage_bucket.quarantine.name, google_storage_bucket.spark_temp.name], google_storage_bucket.landing.name)
    error_message = "The landing bucket must hold nothing but the runs' files."
  }

  assert {
    condition     = length(google_pubsub_subscription.plays_loaded.push_config) == 1
    error_message = "Transform_trigger hears of loaded plays, not of objects."
  }

  assert {
    condition     = toset([for grant in [google_storage_bucket_iam_member.landing_load, google_storage_bucket_iam_member.landing_load_bucket] : grant.role if grant.bucket == google_storage_bucket.landing.name]) == toset(["roles/storage.objectViewer", "roles/storage.legacyBucketReader"])
    error_message = "A load job reads the objects and may look at their bucket."
  }
}
