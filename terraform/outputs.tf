output "dashboard_address" {
  description = "Where the dashboard is, or what is missing."
  value = (
    !local.has_dashboard ? "switched off" :
    !local.runs_dashboard ? "no image yet: make dashboard-image, then make deploy" :
    local.dashboard_address
  )
}

output "dashboard_image_name" {
  description = "The name to build and push the dashboard's image under, where there is to be one."
  value       = local.has_dashboard ? "${var.region}-docker.pkg.dev/${var.project_id}/heavy-rotation/dashboard" : null
}

output "dashboard_sign_in_redirect_uri" {
  description = "With access = \"oidc\": what to type into the OAuth client's settings, under Authorised redirect URIs."
  value       = local.has_oidc ? "${local.dashboard_address}/oauth2callback" : null
}

output "history" {
  description = "What a destroy does to what was collected."
  value = (
    var.delete_history
    ? "terraform destroy DELETES the dataset ${google_bigquery_dataset.main.dataset_id} and the buckets ${local.buckets.landing} and ${local.buckets.quarantine}."
    : "terraform destroy leaves the dataset ${google_bigquery_dataset.main.dataset_id} and the buckets ${local.buckets.landing} and ${local.buckets.quarantine} where they are. To delete them too, first apply with delete_history = true."
  )
}

output "next_steps" {
  description = "What to do after the first apply, in this order."
  value = concat(
    # Where `python -m cli authorize` waits. Spotify takes no other name for this machine, and every byte counts.
    ["In the Spotify app's settings, type under Redirect URIs: http://127.0.0.1:8888/callback"],
    [for slug in sort(keys(var.listeners)) : "python -m cli authorize ${slug}"],
    ["python -m cli check", "python -m cli run-now"],
    !local.has_dashboard ? [] : local.runs_dashboard ? ["Look: ${local.dashboard_address}"] : ["make dashboard-image, then make deploy"],
  )
}

output "settings" {
  description = "What `python -m cli` needs to know to find this deployment."
  value = merge(local.settings, {
    LANDING_BUCKET    = google_storage_bucket.landing.name
    QUARANTINE_BUCKET = google_storage_bucket.quarantine.name
    STAGING_DATASET   = google_bigquery_dataset.staging.dataset_id
  })
}
