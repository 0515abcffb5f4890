# Each function acts as itself, is called by an identity of its own, and is built by a third one.

mock_provider "google" { source = "./tests" }
mock_provider "google-beta" { source = "./tests" }

run "no_identity_has_two_parts" {
  command = plan

  assert {
    condition = length(distinct([
      module.ingest.identity.account_id, module.load.identity.account_id, module.transform_trigger.identity.account_id,
      module.ingest.caller.account_id, module.load.caller.account_id, module.transform_trigger.caller.account_id,
      google_service_account.builder.account_id, google_service_account.spark.account_id,
      google_service_account.dashboard[0].account_id,
    ])) == 9
    error_message = "Nine parts must have nine identities."
  }

  assert {
    condition     = alltrue([for f in [module.ingest.function, module.load.function, module.transform_trigger.function] : f.service_config[0].service_account_email != null && f.build_config[0].service_account != null])
    error_message = "No function may run or be built as a default account."
  }

  assert {
    condition     = [for f in [module.ingest.function, module.load.function, module.transform_trigger.function] : f.build_config[0].entry_point] == ["ingest", "load", "transform_trigger"]
    error_message = "Each function has its own entry point."
  }

  assert {
    condition     = alltrue([for f in [module.ingest.function, module.load.function, module.transform_trigger.function] : f.build_config[0].runtime == "python313"])
    error_message = "The runtime must be python313."
  }
}
