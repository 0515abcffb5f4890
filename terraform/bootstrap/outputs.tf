output "next" {
  description = "What to run next, in the repository's folder."
  value       = <<-EOT
    cp terraform/backend.gcs.example terraform/backend.tf
    terraform -chdir=terraform init -migrate-state -backend-config=bucket=${google_storage_bucket.state.name}
    gcloud storage cp terraform/*.tfvars gs://${google_storage_bucket.state.name}/
  EOT
}
