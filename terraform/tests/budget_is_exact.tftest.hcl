# A budget is the amount that was set, to the cent.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }

run "an_amount_with_cents_is_not_cut" {
  command = plan

  variables { budget = { billing_account = "012345-6789AB-CDEF01", monthly_amount = 5.1 } }

  assert {
    condition     = google_billing_budget.main[0].amount[0].specified_amount[0].units == "5" && google_billing_budget.main[0].amount[0].specified_amount[0].nanos == 100000000
    error_message = "5.10 must not become 5.099999999."
  }
}
