# Every access needs an identity: no bucket, function or page is open to the world.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }

run "no_bucket_and_no_function_is_open" {
  command = plan

  assert {
    condition     = alltrue([for bucket in [google_storage_bucket.landing, google_storage_bucket.quarantine, google_storage_bucket.code, google_storage_bucket.spark_temp] : bucket.public_access_prevention == "enforced" && bucket.uniform_bucket_level_access])
    error_message = "Every bucket must refuse public access."
  }

  assert {
    condition     = alltrue([for grant in [module.ingest.invoker, module.load.invoker, module.transform_trigger.invoker] : grant.role == "roles/run.invoker" && startswith(grant.member, "serviceAccount:")])
    error_message = "Only a service account may call a function."
  }

  assert {
    condition     = alltrue([for f in [module.ingest.function, module.load.function, module.transform_trigger.function] : f.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY"])
    error_message = "Cloud Scheduler, Eventarc and Pub/Sub call from within: nothing must be reachable from outside."
  }
}

run "the_dashboard_is_behind_googles_sign_in" {
  command = plan

  variables {
    dashboard_image = "us-docker.pkg.dev/p/r/dashboard@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    dashboard       = { viewers = { "you@example.com" = ["*"] } }
  }

  assert {
    condition     = google_cloud_run_v2_service.dashboard[0].iap_enabled && !google_cloud_run_v2_service.dashboard[0].invoker_iam_disabled
    error_message = "Identity-Aware Proxy must stand before the page."
  }

  assert {
    condition     = keys(google_iap_web_cloud_run_service_iam_member.viewer) == ["you@example.com"] && google_iap_web_cloud_run_service_iam_member.viewer["you@example.com"].member == "user:you@example.com"
    error_message = "Exactly the viewers named must get through."
  }

  assert {
    condition     = length(google_secret_manager_secret.dashboard_login) == 0
    error_message = "Sign-in by Google needs no secret."
  }

  assert {
    condition     = join(" ", keys(google_bigquery_table_iam_member.dashboard)) == "catalogue gaps plays runs top_tracks tracks" && alltrue([for grant in google_bigquery_table_iam_member.dashboard : grant.role == "roles/bigquery.dataViewer"])
    error_message = "The dashboard reads the six tables that it shows and nothing else of the dataset."
  }
}

run "the_dashboard_signs_in_by_itself_where_there_is_no_organisation" {
  command = plan

  variables {
    dashboard_image = "us-docker.pkg.dev/p/r/dashboard@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    dashboard       = { access = "oidc", viewers = { "you@example.com" = ["*"] } }
  }

  assert {
    condition     = !google_cloud_run_v2_service.dashboard[0].iap_enabled && google_cloud_run_v2_service.dashboard[0].template[0].volumes[0].secret[0].secret == "dashboard-login"
    error_message = "The page must have what it needs for st.login."
  }

  assert {
    condition     = length(google_iap_web_cloud_run_service_iam_member.viewer) == 0
    error_message = "There is no proxy to admit viewers."
  }

  assert {
    condition     = one([for env in google_cloud_run_v2_service.dashboard[0].template[0].containers[0].env : env.value if env.name == "DASHBOARD_ACCESS"]) == "oidc"
    error_message = "The page must require a sign-in."
  }
}

run "the_dashboard_can_be_left_out" {
  command = plan

  variables {
    dashboard_image = "us-docker.pkg.dev/p/r/dashboard@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    dashboard       = { access = "off" }
  }

  assert {
    condition     = length(google_cloud_run_v2_service.dashboard) == 0 && length(google_service_account.dashboard) == 0 && length(google_bigquery_table_iam_member.dashboard) == 0
    error_message = "Nothing of the dashboard must run or read."
  }
}
