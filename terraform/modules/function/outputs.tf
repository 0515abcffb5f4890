output "caller" {
  description = "The service account that may call the function: email, member and name."
  value       = google_service_account.caller
}

output "function" {
  description = "The function itself."
  value       = google_cloudfunctions2_function.main
}

output "identity" {
  description = "The service account that the function acts as: email, member and name."
  value       = google_service_account.main
}

output "invoker" {
  description = "The grant that lets the caller call the function."
  value       = google_cloud_run_v2_service_iam_member.caller
}

output "uri" {
  description = "Where the function is called."
  value       = google_cloudfunctions2_function.main.service_config[0].uri
}
