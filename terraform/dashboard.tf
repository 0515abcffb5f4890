# The dashboard on Cloud Run. A viewer must sign in: before the page with Identity-Aware Proxy, or on the
# page with st.login. It is deployed as soon as there is an image, and not at all with access = "off".

locals {
  has_dashboard = var.dashboard.access != "off"
  # The repository comes first, then an image can be pushed to it, then the service can run it.
  runs_dashboard = local.has_dashboard && var.dashboard_image != ""
  has_oidc       = var.dashboard.access == "oidc"
  has_iap        = var.dashboard.access == "iap"
  # Cloud Run gives a service a second address with a hash in it. Only this one is known before the service is there, and
  # a sign-in that starts at one of them cannot end at the other: its state is in a cookie of the host.
  dashboard_address = "https://dashboard-${data.google_project.main.number}.${var.region}.run.app"
}

# It stays with access = "off": an image has to be there before the dashboard can be turned on.
resource "google_artifact_registry_repository" "dashboard" {
  #checkov:skip=CKV_GCP_84:Google's own encryption is enough for images of public code; a key of ours costs $0.06 a month.
  repository_id          = "heavy-rotation"
  location               = var.region
  description            = "Images of the dashboard."
  format                 = "DOCKER"
  cleanup_policy_dry_run = false

  cleanup_policies {
    id     = "keep-the-newest"
    action = "KEEP"

    most_recent_versions {
      keep_count = 3
    }
  }

  # Each push builds an image, and only an approved one is deployed: what runs may be older than the newest three.
  dynamic "cleanup_policies" {
    for_each = local.runs_dashboard ? [regex("sha256:[0-9a-f]{64}$", var.dashboard_image)] : []

    content {
      id     = "keep-what-is-deployed"
      action = "KEEP"

      condition {
        version_name_prefixes = [cleanup_policies.value]
      }
    }
  }

  cleanup_policies {
    id     = "delete-the-rest"
    action = "DELETE"

    condition {
      older_than = "7d"
    }
  }

  depends_on = [time_sleep.apis]
}

resource "google_service_account" "dashboard" {
  count = local.has_dashboard ? 1 : 0

  account_id   = "dashboard"
  display_name = "The dashboard"
  description  = "Reads the history."

  depends_on = [time_sleep.apis]
}

# Streamlit's own secrets file, for st.login: the OAuth client's id and secret and a cookie secret. The owner fills it.
resource "google_secret_manager_secret" "dashboard_login" {
  count = local.has_oidc ? 1 : 0

  secret_id = "dashboard-login"
  labels    = { app = "heavy-rotation", kind = "dashboard-login" }

  replication {
    auto {}
  }

  depends_on = [time_sleep.apis]
}

# The dashboard reads its own sign-in settings; it has no access to the listeners' secrets.
resource "google_secret_manager_secret_iam_member" "dashboard_reads_login" {
  count = local.has_oidc ? 1 : 0

  project   = var.project_id
  secret_id = google_secret_manager_secret.dashboard_login[0].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.dashboard[0].member
}

# The dashboard starts queries; the right is the project's and holds no data.
resource "google_project_iam_member" "dashboard_bigquery" {
  count = local.has_dashboard ? 1 : 0

  project = var.project_id
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.dashboard[0].member
}

# The dashboard reads what it shows and writes nothing; load's staging tables and the record of imports are closed to it. Who
# of its viewers sees whose rows it decides itself.
resource "google_bigquery_table_iam_member" "dashboard" {
  for_each = toset(local.has_dashboard ? ["catalogue", "gaps", "plays", "runs", "top_tracks", "tracks"] : [])

  dataset_id = google_bigquery_dataset.main.dataset_id
  table_id   = google_bigquery_table.main[each.value].table_id
  role       = "roles/bigquery.dataViewer"
  member     = google_service_account.dashboard[0].member
}

resource "google_cloud_run_v2_service" "dashboard" {
  count = local.runs_dashboard ? 1 : 0

  name                 = "dashboard"
  location             = var.region
  description          = "What the listeners have played."
  deletion_protection  = false
  ingress              = "INGRESS_TRAFFIC_ALL"
  iap_enabled          = local.has_iap
  invoker_iam_disabled = local.has_oidc

  template {
    service_account = google_service_account.dashboard[0].email
    # A page is one websocket for as long as it is open; an hour is the most that Cloud Run allows.
    timeout                          = "3600s"
    session_affinity                 = true
    max_instance_request_concurrency = 40

    scaling {
      min_instance_count = 0
      # Sessions are kept in memory.
      max_instance_count = 1
    }

    containers {
      image = var.dashboard_image

      resources {
        limits = { cpu = "1", memory = "1Gi" }
        # Without this, naming limits means paying for the processor all the time.
        cpu_idle          = true
        startup_cpu_boost = true
      }

      startup_probe {
        initial_delay_seconds = 2
        period_seconds        = 3
        failure_threshold     = 20

        http_get {
          path = "/api/ready"
        }
      }

      dynamic "env" {
        for_each = local.dashboard_settings

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "volume_mounts" {
        for_each = local.has_oidc ? ["login"] : []

        content {
          name = volume_mounts.value
          # In the image's HOME, where Streamlit looks beside the folder it is started in, which has a .streamlit of its own.
          mount_path = "/home/dashboard/.streamlit"
        }
      }
    }

    dynamic "volumes" {
      for_each = local.has_oidc ? ["login"] : []

      content {
        name = volumes.value

        secret {
          secret = google_secret_manager_secret.dashboard_login[0].secret_id

          items {
            path    = "secrets.toml"
            version = "latest"
          }
        }
      }
    }
  }

  depends_on = [
    google_bigquery_table_iam_member.dashboard,
    google_project_iam_member.dashboard_bigquery,
    google_secret_manager_secret_iam_member.dashboard_reads_login,
  ]
}

locals {
  dashboard_settings = merge(local.settings, {
    DASHBOARD_ACCESS = var.dashboard.access
    DASHBOARD_LISTENERS = jsonencode({
      for slug, time_zone in var.listeners : slug => { name = lookup(var.dashboard.names, slug, slug), time_zone = time_zone }
    })
    DASHBOARD_VIEWERS = sensitive(jsonencode(var.dashboard.viewers)) # addresses: no plan shows them
    # What the header that Identity-Aware Proxy signs must be meant for.
    DASHBOARD_IAP_AUDIENCE = "/projects/${data.google_project.main.number}/locations/${var.region}/services/dashboard"
    MAXIMUM_BYTES_BILLED   = "500000000"
    # With them the dashboard computes which runs to expect.
    SCHEDULE       = var.schedule
    SCHEDULE_SINCE = time_static.schedule.rfc3339
  })
}

# Identity-Aware Proxy lets through exactly the viewers that the owner named.
resource "google_iap_web_cloud_run_service_iam_member" "viewer" {
  for_each = toset(local.runs_dashboard && local.has_iap ? keys(var.dashboard.viewers) : [])

  location               = google_cloud_run_v2_service.dashboard[0].location
  cloud_run_service_name = google_cloud_run_v2_service.dashboard[0].name
  role                   = "roles/iap.httpsResourceAccessor"
  member                 = "user:${each.value}"
}

# Only Identity-Aware Proxy's agent may call the dashboard behind it.
resource "google_cloud_run_v2_service_iam_member" "iap_agent" {
  count = local.runs_dashboard && local.has_iap ? 1 : 0

  location = google_cloud_run_v2_service.dashboard[0].location
  name     = google_cloud_run_v2_service.dashboard[0].name
  role     = "roles/run.invoker"
  member   = time_sleep.agents.triggers["iap.googleapis.com"]
}
