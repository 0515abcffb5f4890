output "authorize_commands" {
  description = "What to run once for each listener, on a machine with a browser."
  value       = { for slug in sort(keys(var.listeners)) : slug => "python -m cli authorize ${slug}" }
}

output "dashboard_address" {
  description = "Where the dashboard is, or what is missing."
  value = (
    !local.has_dashboard ? "switched off" :
    !local.runs_dashboard ? "no image yet: build and push ${local.image_name}, then set dashboard_image" :
    google_cloud_run_v2_service.dashboard[0].uri
  )
}

output "dashboard_image_name" {
  description = "The name to build and push the dashboard's image under."
  value       = local.image_name
}

output "history" {
  description = "What a destroy does to what was collected."
  value = (
    var.delete_history
    ? "terraform destroy DELETES the dataset ${google_bigquery_dataset.main.dataset_id} and the buckets ${local.buckets.landing} and ${local.buckets.quarantine}."
    : "terraform destroy leaves the dataset ${google_bigquery_dataset.main.dataset_id} and the buckets ${local.buckets.landing} and ${local.buckets.quarantine} where they are. To delete them too, first apply with delete_history = true."
  )
}

output "redirect_uri" {
  description = "What to type into the Spotify app's settings, under Redirect URIs."
  value       = "http://127.0.0.1:8888/callback"
}

output "run_now_command" {
  description = "Fires the schedule once."
  value       = "gcloud scheduler jobs run ${google_cloud_scheduler_job.ingest.name} --location ${var.region} --project ${var.project_id}"
}

output "settings" {
  description = "What `python -m cli` needs to know to find this deployment."
  value = merge(local.settings, {
    LANDING_BUCKET    = google_storage_bucket.landing.name
    QUARANTINE_BUCKET = google_storage_bucket.quarantine.name
  })
}

locals {
  image_name = "${var.region}-docker.pkg.dev/${var.project_id}/heavy-rotation/dashboard"
}
