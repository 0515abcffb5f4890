# What was pushed runs with no rights to change anything until a person has approved it; then as the deployer, which has the
# roles that deploying takes.

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

run "what_was_pushed_changes_nothing_and_the_deployer_reads_no_secret" {
  command = plan

  assert {
    condition = jsonencode({ for name, build in local.builds : name => [build.file, build.identity] }) == jsonencode({
      apply = ["cloudbuild.apply.yaml", "deployer"]
      check = ["cloudbuild.yaml", "checker"]
      plan  = ["cloudbuild.plan.yaml", "planner"]
    })
    error_message = "Each build has an identity of its own."
  }

  assert {
    condition     = jsonencode({ for name, trigger in google_cloudbuild_trigger.main : name => trigger.approval_config[0].approval_required }) == jsonencode({ apply = true, check = false, plan = false })
    error_message = "Whatever acts as the deployer must wait for a person."
  }

  assert {
    condition     = alltrue([for name, trigger in google_cloudbuild_trigger.main : trigger.filename == local.builds[name].file && fileexists("../../${trigger.filename}")])
    error_message = "A trigger runs its own file."
  }

  assert {
    condition     = keys(google_project_iam_member.build_log) == ["checker", "planner"] && alltrue([for grant in google_project_iam_member.build_log : grant.role == "roles/logging.logWriter"])
    error_message = "The checker writes log entries and can do nothing else."
  }

  assert {
    condition     = keys(google_project_iam_member.planner) == ["roles/browser", "roles/serviceusage.serviceUsageConsumer"]
    error_message = "The planner may know of the project, no more."
  }

  assert {
    condition     = google_storage_bucket_iam_member.planner_state.role == "roles/storage.objectViewer" && google_storage_bucket_iam_member.planner_state.bucket == google_storage_bucket.state.name
    error_message = "The planner reads the state and cannot write it."
  }

  assert {
    condition     = length(setintersection(keys(local.deployer_roles), ["roles/owner", "roles/editor", "roles/secretmanager.admin", "roles/secretmanager.secretAccessor", "roles/resourcemanager.projectIamAdmin"])) == 0
    error_message = "None of these may be among its roles."
  }

  assert {
    condition     = !contains(google_project_iam_custom_role.secret_containers.permissions, "secretmanager.versions.access")
    error_message = "It makes containers and never looks inside."
  }

  assert {
    condition     = google_project_iam_custom_role.secret_containers.deletion_policy == "ABANDON"
    error_message = "From 7 to 37 days after its deletion the role's id is refused."
  }

  assert {
    condition     = strcontains(google_project_iam_member.deployer_grants.condition[0].expression, "hasOnly(['projects/demo-project/roles/heavyRotationListSecrets'")
    error_message = "It may grant the parts' roles only."
  }

  assert {
    condition     = length(local.grantable_roles) <= 10
    error_message = "IAM refuses a condition whose hasOnly lists more than ten."
  }

  assert {
    condition = length([
      for role in concat(keys(local.deployer_roles), tolist(google_project_iam_custom_role.secret_containers.permissions)) :
      role if can(regex("roleAdmin|iam\\.roles\\.(create|update|delete|undelete)", role))
    ]) == 0
    error_message = "It must not be able to change a role that it may grant."
  }

  assert {
    condition     = google_storage_bucket.state.versioning[0].enabled && google_storage_bucket.state.public_access_prevention == "enforced"
    error_message = "The state is versioned and private."
  }
}

run "without_a_dashboard_no_image_is_built" {
  command = plan

  variables { dashboard = false }

  assert {
    condition     = alltrue([for name in ["check", "apply"] : google_cloudbuild_trigger.main[name].substitutions._DASHBOARD == "false"])
    error_message = "There is no repository to push an image to."
  }
}

run "without_a_repository_there_are_no_triggers" {
  command = plan

  variables { repository = null }

  assert {
    condition     = length(google_cloudbuild_trigger.main) == 0
    error_message = "Deploying by hand needs none."
  }
}

run "the_state_has_a_place" {
  plan_options { target = [terraform_data.place] }
}

run "the_state_cannot_move" {
  command = plan

  plan_options { target = [terraform_data.place] }

  variables { region = "europe-west1" }

  expect_failures = [terraform_data.place]
}
