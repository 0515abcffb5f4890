# Cloud Build applies no commit that no person has approved, and its deployer has the roles that deploying takes.

mock_provider "google" {
  mock_resource "google_service_account" {
    override_during = plan
    defaults = {
      id     = "projects/demo-project/serviceAccounts/deployer@demo-project.iam.gserviceaccount.com"
      member = "serviceAccount:deployer@demo-project.iam.gserviceaccount.com"
    }
  }

  mock_resource "google_project_iam_custom_role" {
    override_during = plan
    defaults = {
      name = "projects/demo-project/roles/custom"
    }
  }
}

variables {
  project_id = "demo-project"
  repository = "projects/demo-project/locations/us-central1/connections/c/repositories/heavy-rotation"
}

run "a_push_is_planned_and_only_an_approved_build_applies" {
  command = plan

  assert {
    condition     = { for name, trigger in google_cloudbuild_trigger.main : trigger.substitutions._APPLY => trigger.approval_config[0].approval_required } == { "true" = true, "false" = false }
    error_message = "Whatever applies must wait for a person."
  }

  assert {
    condition     = alltrue([for trigger in google_cloudbuild_trigger.main : trigger.service_account == google_service_account.deployer.id])
    error_message = "Builds act as the deployer."
  }

  assert {
    condition     = alltrue([for trigger in google_cloudbuild_trigger.main : trigger.substitutions._DASHBOARD == "true"])
    error_message = "An image is built unless told otherwise."
  }
}

run "without_a_dashboard_no_image_is_built" {
  command = plan

  variables {
    dashboard = false
  }

  assert {
    condition     = alltrue([for trigger in google_cloudbuild_trigger.main : trigger.substitutions._DASHBOARD == "false"])
    error_message = "There is no repository to push an image to."
  }
}

run "without_a_repository_there_are_no_triggers" {
  command = plan

  variables {
    repository = null
  }

  assert {
    condition     = length(google_cloudbuild_trigger.main) == 0
    error_message = "Deploying by hand needs none."
  }
}

run "the_deployer_reads_no_secret_and_owns_nothing" {
  command = plan

  assert {
    condition     = length(setintersection(keys(local.deployer_roles), ["roles/owner", "roles/editor", "roles/secretmanager.admin", "roles/secretmanager.secretAccessor", "roles/resourcemanager.projectIamAdmin"])) == 0
    error_message = "None of these may be among its roles."
  }

  assert {
    condition     = !contains(google_project_iam_custom_role.secret_containers.permissions, "secretmanager.versions.access")
    error_message = "It makes containers and never looks inside."
  }

  assert {
    condition     = strcontains(google_project_iam_member.deployer_grants.condition[0].expression, "hasOnly(['projects/demo-project/roles/heavyRotationListSecrets'")
    error_message = "It may grant the parts' roles only."
  }
}

run "an_earlier_state_can_be_brought_back" {
  command = plan

  assert {
    condition     = google_storage_bucket.state.versioning[0].enabled && google_storage_bucket.state.public_access_prevention == "enforced"
    error_message = "The state is versioned and private."
  }
}
