terraform {
  required_version = ">= 1.11"

  required_providers {
    archive = {
      source  = "hashicorp/archive"
      version = "~> 2.7"
    }
    # 7.45: before, an update of the dataset took the grants on it away (release notes, google_bigquery_dataset).
    google = {
      source  = "hashicorp/google"
      version = ">= 7.45, < 9"
    }
    # For google_project_service_identity alone, which the other one lacks.
    google-beta = {
      source  = "hashicorp/google-beta"
      version = ">= 7.45, < 9"
    }
    time = {
      source  = "hashicorp/time"
      version = "~> 0.13"
    }
  }
}

provider "google" {
  project               = var.project_id
  region                = var.region
  user_project_override = true
  billing_project       = var.project_id
  default_labels        = { app = "heavy-rotation" }
}

provider "google-beta" {
  project               = var.project_id
  region                = var.region
  user_project_override = true
  billing_project       = var.project_id
}
