# What must be there before Cloud Build can deploy: a bucket for Terraform's state, the deployer's identity, and the
# triggers. Made once by the owner, by hand. Not needed to deploy by hand.
#
# Its builds run what is in the repository, and among its roles are some over identities and over who may read a secret:
# whoever can push to the branch can do nearly everything in this project. The approval guards against mistakes.
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
    "roles/iam.roleAdmin"                  = "The custom roles."
    "roles/iam.serviceAccountAdmin"        = "The parts' identities and who may use them."
    "roles/iam.serviceAccountUser"         = "Deploying something that acts as one of them."
    "roles/iap.admin"                      = "The viewers of the dashboard."
    "roles/logging.configWriter"           = "The metric that counts good runs."
    "roles/logging.logWriter"              = "The build's own log."
    "roles/monitoring.editor"              = "The alerts."
    "roles/pubsub.admin"                   = "The topics and subscriptions."
    "roles/run.admin"                      = "The dashboard, and who may call the functions."
    "roles/serviceusage.serviceUsageAdmin" = "The APIs."
    "roles/storage.admin"                  = "The buckets, and Terraform's state in one of them."
  }

  # The only roles that the deployer can give or take on the project; tests/terraform compares them with what is given.
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

resource "google_storage_bucket" "state" {
  #checkov:skip=CKV_GCP_62:Access logs would cost more than what they guard; the state holds no secret.
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

resource "google_service_account" "deployer" {
  account_id   = "deployer"
  display_name = "Cloud Build, when it deploys"
  description  = "Runs cloudbuild.yaml: tests, builds, plans, and applies what was approved."

  depends_on = [time_sleep.apis]
}

# The deployer makes what terraform/ describes; what each role is for stands beside it above.
resource "google_project_iam_member" "deployer" {
  #checkov:skip=CKV_GCP_41:The identities it deploys with are made later, by itself; it must be allowed to use them.
  #checkov:skip=CKV_GCP_49:The identities it deploys with are made later, by itself; it must be allowed to use them.
  #checkov:skip=CKV_GCP_46:The deployer is no default service account.
  for_each = local.deployer_roles

  project = var.project_id
  role    = each.key
  member  = google_service_account.deployer.member
}

# The deployer gives the parts their roles on the project: those in the list.
resource "google_project_iam_member" "deployer_grants" {
  #checkov:skip=CKV_GCP_49:The condition leaves it the roles of the parts to grant.
  project = var.project_id
  role    = "roles/resourcemanager.projectIamAdmin"
  member  = google_service_account.deployer.member

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
  description = "Make and delete secrets and say who may read them; no version's content."
  permissions = [
    "secretmanager.secrets.create",
    "secretmanager.secrets.delete",
    "secretmanager.secrets.get",
    "secretmanager.secrets.getIamPolicy",
    "secretmanager.secrets.list",
    "secretmanager.secrets.setIamPolicy",
    "secretmanager.secrets.update",
  ]

  depends_on = [time_sleep.apis]
}

# The deployer makes a secret for each listener and lets ingest read it.
resource "google_project_iam_member" "deployer_secrets" {
  project = var.project_id
  role    = google_project_iam_custom_role.secret_containers.name
  member  = google_service_account.deployer.member
}

# One trigger plans what was merged. The other waits until a person has approved the commit in Cloud Build; then it
# checks, builds and plans anew, and applies that plan.
resource "google_cloudbuild_trigger" "main" {
  for_each = var.repository == null ? {} : { plan = "false", apply = "true" }

  name            = "heavy-rotation-${each.key}"
  location        = var.region
  description     = each.key == "plan" ? "Checks, builds and plans." : "Once it is approved: checks, builds and plans anew, and applies."
  filename        = "cloudbuild.yaml"
  service_account = google_service_account.deployer.id
  substitutions   = { _APPLY = each.value, _DASHBOARD = tostring(var.dashboard), _REGION = var.region }

  repository_event_config {
    repository = var.repository

    push {
      branch = var.branch
    }
  }

  approval_config {
    approval_required = each.key == "apply"
  }
}
