# What must be there before Cloud Build can deploy: a bucket for Terraform's state, three identities, and their triggers.
# Made once by the owner, by hand. Not needed to deploy by hand.
#
# A build runs what was pushed. So a push is checked by an identity that can only write log entries and planned by one that
# also reads Terraform's state; only what a person has approved runs as the deployer, whose roles reach nearly everything here.
#
#   terraform -chdir=terraform/bootstrap init
#   terraform -chdir=terraform/bootstrap apply -var project_id=PROJECT -var region=REGION -var repository=ID

terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
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

locals {
  # Role of the deployer on the project, and what Terraform needs it for. None of them by itself reads a
  # secret's content, and none is owner or editor.
  deployer_roles = {
    "roles/artifactregistry.admin"         = "The repositories for images, and pushing the dashboard's."
    "roles/bigquery.dataOwner"             = "The dataset, its tables and who may read them."
    "roles/cloudfunctions.admin"           = "The functions."
    "roles/cloudscheduler.admin"           = "The schedule."
    "roles/compute.networkAdmin"           = "Spark's network."
    "roles/compute.securityAdmin"          = "The firewall rule of Spark's network."
    "roles/eventarc.admin"                 = "The trigger of load."
    "roles/iam.roleViewer"                 = "Seeing that the custom roles are as they should be. Who could change one could also grant it."
    "roles/iap.admin"                      = "The viewers of the dashboard."
    "roles/logging.configWriter"           = "The metric that counts good runs."
    "roles/logging.logWriter"              = "The build's own log."
    "roles/monitoring.editor"              = "The alerts."
    "roles/pubsub.admin"                   = "The topics and subscriptions."
    "roles/run.admin"                      = "The dashboard, and who may call the functions."
    "roles/serviceusage.serviceUsageAdmin" = "The APIs."
    "roles/storage.admin"                  = "The buckets, and Terraform's state in one of them."
  }

  builds = {
    check = {
      description   = "Checks everything and builds the image, with no rights."
      file          = "cloudbuild.yaml"
      identity      = "checker"
      substitutions = { _DASHBOARD = tostring(var.dashboard) }
    }
    plan = {
      description   = "Shows what would change, with no rights to change it."
      file          = "cloudbuild.plan.yaml"
      identity      = "planner"
      substitutions = {}
    }
    apply = {
      description   = "Once it is approved: builds, plans again, and applies."
      file          = "cloudbuild.apply.yaml"
      identity      = "deployer"
      substitutions = { _DASHBOARD = tostring(var.dashboard), _REGION = var.region }
    }
  }

  # The only roles that the deployer can give or take on the project; tests/terraform compares them with what is given.
  # Ten are the most that hasOnly takes (IAM's lint check HasOnlyListLengthCheck): an eleventh needs a second condition.
  grantable_roles = [
    "projects/${var.project_id}/roles/heavyRotationListSecrets",
    "projects/${var.project_id}/roles/heavyRotationSubmitBatch",
    "roles/bigquery.jobUser",
    "roles/bigquery.readSessionUser",
    "roles/dataproc.worker",
    "roles/eventarc.eventReceiver",
    "roles/eventarc.serviceAgent",
    "roles/logging.logWriter",
    "roles/pubsub.publisher",
    "roles/storage.objectViewer",
  ]
}

resource "google_project_service" "main" {
  for_each = toset([
    "cloudbuild.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "iam.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
  ])

  service            = each.value
  disable_on_destroy = false
}

resource "time_sleep" "apis" {
  create_duration = "60s"

  triggers = { apis = join(",", sort([for api in google_project_service.main : api.service])) }
}

# Where the first apply put the state. It cannot move: a changed place would replace the bucket.
resource "terraform_data" "place" {
  input = { project_id = var.project_id, region = var.region }

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output == { project_id = var.project_id, region = var.region }
      error_message = "This was first applied to ${self.output.project_id} in ${self.output.region}, and the state's bucket cannot move: put project_id and region back, or use a state of its own for another project."
    }
  }
}

resource "google_storage_bucket" "state" {
  #checkov:skip=CKV_GCP_62:Reads are in Cloud Audit Logs (terraform/project.tf), which need no bucket of their own.
  name                        = "${var.project_id}-terraform-state"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # An earlier state is the way back from a broken one.
  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      num_newer_versions = 20
    }
  }

  depends_on = [time_sleep.apis]
}

resource "google_service_account" "build" {
  for_each = {
    checker  = "Runs cloudbuild.yaml with each push: tests, and a build of the image. Can only write log entries."
    planner  = "Runs cloudbuild.plan.yaml with each push: reads Terraform's state and settings."
    deployer = "Runs cloudbuild.apply.yaml once a person has approved it."
  }

  account_id   = each.key
  display_name = "Cloud Build, the ${each.key}"
  description  = each.value

  depends_on = [time_sleep.apis]
}

# Checker and planner write the log of their builds. No role is narrower: they can write any entry, also in the name
# of a function, and so send an alert or keep one quiet (docs/decisions/0031).
resource "google_project_iam_member" "build_log" {
  for_each = toset(["checker", "planner"])

  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.build[each.value].member
}

# The planner finds out the project's number, and has its calls counted on the project.
resource "google_project_iam_member" "planner" {
  for_each = toset(["roles/browser", "roles/serviceusage.serviceUsageConsumer"])

  project = var.project_id
  role    = each.value
  member  = google_service_account.build["planner"].member
}

# The planner reads Terraform's state and settings, and writes neither.
resource "google_storage_bucket_iam_member" "planner_state" {
  bucket = google_storage_bucket.state.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build["planner"].member
}

# The deployer makes what terraform/ describes; what each role is for stands beside it above.
resource "google_project_iam_member" "deployer" {
  for_each = local.deployer_roles

  project = var.project_id
  role    = each.key
  member  = google_service_account.build["deployer"].member
}

# The deployer makes the parts' identities and grants their use. On the project, because none is there before.
resource "google_project_iam_member" "deployer_makes_identities" {
  #checkov:skip=CKV_GCP_49:The identities are made by the apply itself, so there is nothing narrower to grant it on; it runs after an approval only.
  project = var.project_id
  role    = "roles/iam.serviceAccountAdmin"
  member  = google_service_account.build["deployer"].member
}

# The deployer deploys what acts as one of these identities. With the one above this reaches whatever any part reaches.
resource "google_project_iam_member" "deployer_uses_identities" {
  #checkov:skip=CKV_GCP_41:The identities are made by the apply itself, so there is nothing narrower to grant it on; it runs after an approval only.
  #checkov:skip=CKV_GCP_49:The identities are made by the apply itself, so there is nothing narrower to grant it on; it runs after an approval only.
  project = var.project_id
  role    = "roles/iam.serviceAccountUser"
  member  = google_service_account.build["deployer"].member
}

# The deployer gives the parts their roles on the project: those in the list.
resource "google_project_iam_member" "deployer_grants" {
  project = var.project_id
  role    = "roles/resourcemanager.projectIamAdmin"
  member  = google_service_account.build["deployer"].member

  condition {
    title       = "roles-of-the-parts"
    description = "Only the roles that terraform/ grants on the project."
    expression  = "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([${join(", ", formatlist("'%s'", local.grantable_roles))}])"
  }
}

# Making the containers of secrets without the right to read what is in them, which roles/secretmanager.admin has.
resource "google_project_iam_custom_role" "secret_containers" {
  role_id     = "heavyRotationSecretContainers"
  title       = "Heavy Rotation: containers of secrets"
  description = "Make and delete secrets and grant access to them; no version's content."
  permissions = [
    "secretmanager.secrets.create",
    "secretmanager.secrets.delete",
    "secretmanager.secrets.get",
    "secretmanager.secrets.getIamPolicy",
    "secretmanager.secrets.list",
    "secretmanager.secrets.setIamPolicy",
    "secretmanager.secrets.update",
  ]

  deletion_policy = "ABANDON" # as the roles in ../listeners.tf

  depends_on = [time_sleep.apis]
}

# The deployer makes a secret for each listener and lets ingest read it.
resource "google_project_iam_member" "deployer_secrets" {
  project = var.project_id
  role    = google_project_iam_custom_role.secret_containers.name
  member  = google_service_account.build["deployer"].member
}

# Each push is checked and planned. The third trigger waits until a person has approved the commit in Cloud Build. The
# identity is the trigger's: what a push writes into a build file about it does not count
# (github.com/hashicorp/terraform-provider-google/issues/10053), and neither checker nor planner may act as another one.
resource "google_cloudbuild_trigger" "main" {
  for_each = var.repository == null ? {} : local.builds

  name            = "heavy-rotation-${each.key}"
  location        = var.region
  description     = each.value.description
  filename        = each.value.file
  service_account = google_service_account.build[each.value.identity].id
  substitutions   = each.value.substitutions

  repository_event_config {
    repository = var.repository

    push {
      branch = var.branch
    }
  }

  approval_config {
    approval_required = each.value.identity == "deployer"
  }
}
