# What every test here is about, where it says nothing else. It counts more than the owner's own terraform.tfvars.

project_id  = "demo-project"
alert_email = "you@example.com"
listeners   = { ada = "Europe/London", grace = "America/New_York" }
