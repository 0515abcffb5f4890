variable "alert_email" {
  description = "Where alerts go, for example you@example.com."
  type        = string
  sensitive   = true # so that no plan shows it: Cloud Build keeps its log

  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "alert_email must be an e-mail address."
  }
}

variable "audio_features_source" {
  description = "Where audio features come from: spotify (closed for new apps), reccobeats, or off."
  type        = string
  default     = "off"

  validation {
    condition     = contains(["off", "reccobeats", "spotify"], var.audio_features_source)
    error_message = "audio_features_source must be off, reccobeats or spotify."
  }
}

variable "budget" {
  description = "A budget that sends mail at 50, 90 and 100 percent of `monthly_amount` (in the billing account's currency). It warns, it does not stop anything. Needs roles/billing.costsManager on the account."
  type = object({
    billing_account = string
    monthly_amount  = optional(number, 5)
  })
  default = null

  validation {
    condition     = var.budget == null || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account))
    error_message = "budget.billing_account must look like 012345-6789AB-CDEF01."
  }
}

variable "catalogue_tracks_per_run" {
  description = "For how many tracks without audio features the hourly run calls audio_features_source, beside those of new plays. 40 are one call to ReccoBeats and about a thousand tracks a day; 0: none."
  type        = number
  default     = 40

  validation {
    condition     = var.catalogue_tracks_per_run >= 0 && var.catalogue_tracks_per_run < 10000 && floor(var.catalogue_tracks_per_run) == var.catalogue_tracks_per_run
    error_message = "catalogue_tracks_per_run must be a whole number from 0 to 9999."
  }
}

variable "dashboard" {
  description = "Who may look. `access`: iap (Google's sign-in before the page; lets members of the project's organisation in and no other account), oidc (the page's own sign-in, for any Google account and any project), off (no dashboard here). `viewers`: a person's e-mail address to the listeners it may see, [\"*\"] for all; no groups, because the page shows each person what that person may see. `names`: what a listener is called on the pages."
  type = object({
    access  = optional(string, "iap")
    names   = optional(map(string), {})
    viewers = optional(map(list(string)), {})
  })
  default = {}

  validation {
    condition     = contains(["iap", "oidc", "off"], var.dashboard.access)
    error_message = "dashboard.access must be iap, oidc or off."
  }

  validation {
    condition     = alltrue([for email in keys(var.dashboard.viewers) : can(regex("^[^@:\\s[:^ascii:]]+@[^@:\\s[:^ascii:]]+\\.[^@:\\s[:^ascii:]]+$", email))])
    error_message = "dashboard.viewers must be keyed by the e-mail addresses of people, such as you@example.com: no group:, user: or domain:, and no letter outside ASCII."
  }

  validation {
    condition     = length(distinct([for email in keys(var.dashboard.viewers) : lower(email)])) == length(var.dashboard.viewers)
    error_message = "dashboard.viewers names one address twice, in capital and small letters: keep one line for it."
  }

  validation {
    condition     = length(setsubtract(flatten(values(var.dashboard.viewers)), concat(["*"], keys(var.listeners)))) == 0
    error_message = "dashboard.viewers must name listeners that are in `listeners`, or *."
  }

  validation {
    condition     = length(setsubtract(keys(var.dashboard.names), keys(var.listeners))) == 0
    error_message = "dashboard.names must name listeners that are in `listeners`."
  }
}

variable "dashboard_image" {
  description = "The dashboard's container image by digest (…@sha256:…). Empty: no dashboard is deployed yet."
  type        = string
  default     = ""

  validation {
    condition     = var.dashboard_image == "" || can(regex("@sha256:[0-9a-f]{64}$", var.dashboard_image))
    error_message = "dashboard_image must end in @sha256: and 64 hexadecimal digits: a tag can come to mean another image."
  }
}

variable "delete_history" {
  description = "Whether `terraform destroy` deletes the plays and everything else that was collected. Must be applied before the destroy."
  type        = bool
  default     = false
}

variable "landing_days" {
  description = "Days that a landed file is kept after it landed or was last sent again, loaded or not."
  type        = number
  default     = 30

  validation {
    condition     = var.landing_days >= 15 && floor(var.landing_days) == var.landing_days
    error_message = "landing_days must be a whole number, 15 or more: a file that is not loaded is sent again for 14 days."
  }
}

variable "listeners" {
  description = "Who is listened to: a short lower-case name of your choice to the listener's home time zone."
  type        = map(string)

  validation {
    condition     = length(var.listeners) >= 1 && length(var.listeners) <= 5
    error_message = "listeners must name one to five people: Spotify lets an app in development mode have five."
  }

  validation {
    condition     = alltrue([for slug in keys(var.listeners) : can(regex("^[a-z0-9][a-z0-9_-]{0,62}$", slug))])
    error_message = "A listener's name must be lower-case letters, digits, _ and -, 63 at most."
  }

  validation {
    condition     = alltrue([for zone in values(var.listeners) : can(regex("^(UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+)+)$", zone))])
    error_message = "A listener's time zone must be a name such as Europe/Berlin or UTC."
  }
}

variable "project_id" {
  description = "The Google Cloud project, used for nothing else."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be the project's id: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Where everything but the secrets is, for example us-central1 (the cheapest) or europe-west1. It cannot be changed later."
  type        = string
  default     = "us-central1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a single region such as us-central1, not a multi-region such as US."
  }
}

variable "schedule" {
  description = "When Spotify is polled, in UTC: `M * * * *` for every hour, `M */N * * *` for every N-th (2, 3, 4 or 6)."
  type        = string
  default     = "0 * * * *"

  validation {
    # Spotify returns only the newest 50 plays, about three hours of music. Rarer runs would certainly lose some.
    condition     = can(regex("^[0-5]?[0-9] \\*(/[2346])? \\* \\* \\*$", var.schedule))
    error_message = "schedule must be `M * * * *` or `M */N * * *` with N = 2, 3, 4 or 6, for example \"0 * * * *\"."
  }
}

variable "top_tracks_min_interval_minutes" {
  description = "The top ten is worked out at most once in so many minutes, less ten from 60 on; a failed batch is retried once in that time. 1440: about $1 a month for Spark; 0, after every run with new plays: up to $24."
  type        = number
  default     = 1440

  validation {
    condition     = var.top_tracks_min_interval_minutes >= 0 && var.top_tracks_min_interval_minutes <= 10080 && floor(var.top_tracks_min_interval_minutes) == var.top_tracks_min_interval_minutes
    error_message = "top_tracks_min_interval_minutes must be a whole number from 0 to 10080 (a week)."
  }
}
