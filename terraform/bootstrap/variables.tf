variable "branch" {
  description = "Pushes to branches of this form are built."
  type        = string
  default     = "^main$"
}

variable "dashboard" {
  description = "Whether builds make the dashboard's image: false where terraform.tfvars has dashboard.access = \"off\"."
  type        = bool
  default     = true
}

variable "project_id" {
  description = "The Google Cloud project, the same as in terraform.tfvars."
  type        = string
}

variable "region" {
  description = "The region, the same as in terraform.tfvars."
  type        = string
  default     = "us-central1"
}

variable "repository" {
  description = "The repository as Cloud Build knows it once it is connected: projects/P/locations/R/connections/C/repositories/NAME. Null: no triggers."
  type        = string
  default     = null

  validation {
    condition     = var.repository == null || can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", var.repository))
    error_message = "repository must look like projects/P/locations/R/connections/C/repositories/NAME."
  }
}
