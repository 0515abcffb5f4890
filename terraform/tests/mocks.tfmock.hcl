# Google's answers that the configuration builds on, so that the tests need no cloud and no credentials.

mock_resource "google_service_account" {
  override_during = plan
  defaults = {
    email  = "the-part@demo-project.iam.gserviceaccount.com"
    member = "serviceAccount:the-part@demo-project.iam.gserviceaccount.com"
    name   = "projects/demo-project/serviceAccounts/the-part@demo-project.iam.gserviceaccount.com"
  }
}

mock_resource "google_project_iam_custom_role" {
  override_during = plan
  defaults = {
    name = "projects/demo-project/roles/custom"
  }
}

mock_resource "google_project_service_identity" {
  override_during = plan
  defaults = {
    member = "serviceAccount:service-1@gcp-sa-agent.iam.gserviceaccount.com"
  }
}

mock_data "google_storage_project_service_account" {
  override_during = plan
  defaults = {
    member = "serviceAccount:service-1@gs-project-accounts.iam.gserviceaccount.com"
  }
}

mock_data "google_project" {
  override_during = plan
  defaults = {
    number = "1"
  }
}
