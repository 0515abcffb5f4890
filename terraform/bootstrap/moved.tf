# What has changed its address and is the same as before. Without these lines an update would delete and make it in no set
# order: a deployer that is deleted loses all of its roles, and a role that is deleted last is gone.

moved {
  from = google_service_account.deployer
  to   = google_service_account.build["deployer"]
}

moved {
  from = google_project_iam_member.deployer["roles/iam.serviceAccountAdmin"]
  to   = google_project_iam_member.deployer_makes_identities
}

moved {
  from = google_project_iam_member.deployer["roles/iam.serviceAccountUser"]
  to   = google_project_iam_member.deployer_uses_identities
}
