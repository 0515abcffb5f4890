# An optional budget. It sends mail and stops nothing.

resource "google_billing_budget" "main" {
  count = var.budget == null ? 0 : 1

  billing_account = var.budget.billing_account
  display_name    = "Heavy Rotation"

  budget_filter {
    projects = ["projects/${data.google_project.main.number}"]
  }

  amount {
    specified_amount {
      units = tostring(floor(var.budget.monthly_amount))
      nanos = floor((var.budget.monthly_amount - floor(var.budget.monthly_amount)) * 1000000000 + 0.5)
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]

    content {
      threshold_percent = threshold_rules.value
    }
  }

  all_updates_rule {
    monitoring_notification_channels = [google_monitoring_notification_channel.owner.id]
    disable_default_iam_recipients   = true
  }
}
