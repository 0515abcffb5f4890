variable "after" {
  description = "Ids of what must be as it should before the function is made or changed. Not depends_on, which would hide the zip from the plan."
  type        = string
}

variable "environment" {
  description = "The function's settings."
  type        = map(string)
}

variable "event_bucket" {
  description = "The bucket whose new objects are the function's events. Null: the function is called over HTTP."
  type        = string
  default     = null
}

variable "name" {
  description = "Name of the folder in functions/ and of the entry point in its main.py."
  type        = string
}

variable "platform" {
  description = "What every function is made in."
  type = object({
    # Id of the wait after the project's APIs were enabled: without it the first apply would call one too early.
    apis = string
    # Full id of the service account that builds the function.
    builder = string
    # Bucket that the zip is put into.
    code_bucket = string
    project_id  = string
    # Of the function, and of the bucket whose events it gets.
    region = string
    # Full id of the Artifact Registry repository for the built image.
    repository = string
  })
}

variable "purpose" {
  description = "What the function is for, in one sentence."
  type        = string
}

variable "timeout_seconds" {
  description = "How long one call may take. The platform allows events 540 seconds."
  type        = number
}
