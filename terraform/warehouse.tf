# The history: one dataset, one table per table file. The files are the only truth about columns and keys. No key is
# declared to BigQuery, which does not enforce it (docs/decisions/0004-one-load-at-a-time.md).

locals {
  table_files = {
    for path in setunion(fileset(local.root, "functions/*/tables/*.json"), fileset(local.root, "{cli,spark_jobs}/tables/*.json")) :
    trimsuffix(basename(path), ".json") => jsondecode(file("${local.root}/${path}"))
  }

  # Beside the tables. A comment on top says what a row is.
  view_files = {
    for name in fileset(local.root, "functions/*/tables/*.sql") : trimsuffix(basename(name), ".sql") =>
    templatefile("${local.root}/${name}", { dataset = "${var.project_id}.${google_bigquery_dataset.main.dataset_id}" })
  }
}

resource "google_bigquery_dataset" "main" {
  #checkov:skip=CKV_GCP_81:Google's own encryption is enough here; a key of ours costs $0.06 a month and can be lost.
  dataset_id  = "listening"
  location    = var.region
  description = "Heavy Rotation: what the listeners have played."

  # The least that BigQuery takes: what was deleted, because a listener left for instance, is soon gone.
  max_time_travel_hours = "48"

  # Nothing that Terraform does can lose the history: a destroy leaves it where it is, unless delete_history is applied.
  deletion_policy            = var.delete_history ? "DELETE" : "ABANDON"
  delete_contents_on_destroy = var.delete_history

  depends_on = [time_sleep.apis]
}

resource "google_bigquery_table" "main" {
  #checkov:skip=CKV_GCP_80:Google's own encryption is enough here; a key of ours costs $0.06 a month and can be lost.
  #checkov:skip=CKV_GCP_121:ABANDON protects more: a destroy leaves the table, and a forced replacement fails on its name.
  for_each = local.table_files

  dataset_id  = google_bigquery_dataset.main.dataset_id
  table_id    = each.key
  description = each.value.description
  schema      = jsonencode(each.value.columns)
  clustering  = each.value.clustering

  deletion_protection = false
  deletion_policy     = var.delete_history ? "DELETE" : "ABANDON"

  dynamic "time_partitioning" {
    for_each = each.value.partitioning == null ? [] : [each.value.partitioning]

    content {
      type  = time_partitioning.value.type
      field = time_partitioning.value.field
    }
  }
}

# What people ask on their own (docs/queries.md). A reader of a view needs the tables under it as well.
resource "google_bigquery_table" "view" {
  #checkov:skip=CKV_GCP_80:A view holds no data.
  #checkov:skip=CKV_GCP_121:A view holds no data.
  for_each = local.view_files

  dataset_id          = google_bigquery_dataset.main.dataset_id
  table_id            = each.key
  description         = join(" ", flatten(regexall("(?m)^-- (.*)$", each.value)))
  deletion_protection = false

  view {
    query          = each.value
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.main]
}
