# A sign-in ends on the host that it began on: Cloud Run knows a service under two, and only one is ever printed.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }
mock_provider "time" {}

run "every_printed_address_is_the_one_that_the_sign_in_comes_back_to" {
  plan_options { target = [data.google_project.main] }

  variables {
    dashboard       = { access = "oidc", viewers = { "you@example.com" = ["*"] } }
    dashboard_image = "us-docker.pkg.dev/p/r/dashboard@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  }

  assert {
    condition     = output.dashboard_address == "https://dashboard-1.us-central1.run.app"
    error_message = "The address must be the one without a hash, which is known before the service is there."
  }

  assert {
    condition     = output.dashboard_sign_in_redirect_uri == "${output.dashboard_address}/oauth2callback" && contains(output.next_steps, "Look: ${output.dashboard_address}")
    error_message = "The redirect URI and the next steps must name the same host."
  }
}
