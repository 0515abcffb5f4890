variable "after" {
  description = "Id of what must exist before the function is made. Not depends_on, which would hide the zip from the plan."
  type        = string
}

variable "apis" {
  description = "Id of the wait after the project's APIs were enabled: without it the first apply would ask one too early."
  type        = string
}

variable "builder" {
  description = "Full id of the service account that builds the function."
  type        = string
}

variable "code_bucket" {
  description = "Bucket that the zip is put into."
  type        = string
}

variable "environment" {
  description = "The function's settings."
  type        = map(string)
}

variable "event" {
  description = "The bucket whose new objects are the function's events. Null: the function is called over HTTP."
  type = object({
    bucket = string
  })
  default = null
}

variable "memory" {
  description = "Memory of an instance, for example 512Mi."
  type        = string
}

variable "name" {
  description = "Name of the folder in functions/ and of the entry point in its main.py."
  type        = string
}

variable "project_id" {
  description = "Project of the function."
  type        = string
}

variable "purpose" {
  description = "What the function is for, in one sentence."
  type        = string
}

variable "region" {
  description = "Region of the function, and of the bucket whose events it gets."
  type        = string
}

variable "repository" {
  description = "Full id of the Artifact Registry repository for the built image."
  type        = string
}

variable "source_root" {
  description = "The folder that holds a folder per function."
  type        = string
}

variable "timeout_seconds" {
  description = "How long one call may take. The platform allows events 540 seconds."
  type        = number
}
