variable "prefix" {
  description = "Prefix of every name of the deployment, as of `modules/region`."
  type        = string
  default     = "umoja"
  nullable    = false
}

variable "region" {
  description = "The AWS region of the pool, which is one of the deployment."
  type        = string
  nullable    = false

  validation {
    condition     = contains(var.regions, var.region)
    error_message = "The region of the pool is not one of the deployment."
  }
}

variable "regions" {
  description = "Every region of the deployment."
  type        = list(string)
  nullable    = false
}

variable "name" {
  description = "Name of the pool and of its client."
  type        = string
  nullable    = false
}

variable "source_id" {
  description = "Id of the source that the pool is: the one of `umoja source add --kind cognito --pool`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]*$", var.source_id))
    error_message = "The id of a source has lower-case letters, digits and hyphens."
  }
}

variable "direction" {
  description = "`from-pool`: who signs up in the pool becomes a user of Umoja. `to-pool`: a user of Umoja who logs in becomes a user of the pool. The same as that of the source."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["from-pool", "to-pool"], var.direction)
    error_message = "A pool has one direction: `from-pool` or `to-pool`."
  }
}

variable "plan" {
  description = "Cognito's plan: `LITE`, `ESSENTIALS` or `PLUS`. With `LITE` only ID tokens have Umoja's id; access tokens need `ESSENTIALS`."
  type        = string
  default     = "ESSENTIALS"
  nullable    = false

  validation {
    condition     = contains(["LITE", "ESSENTIALS", "PLUS"], var.plan)
    error_message = "The plan must be `LITE`, `ESSENTIALS` or `PLUS`."
  }
}

variable "mfa" {
  description = "Multi-factor authentication in the pool: `OFF`, `OPTIONAL` or `ON`."
  type        = string
  default     = "OPTIONAL"
  nullable    = false

  validation {
    condition     = contains(["OFF", "OPTIONAL", "ON"], var.mfa)
    error_message = "Multi-factor authentication must be `OFF`, `OPTIONAL` or `ON`."
  }
}

variable "data_key" {
  description = "ARN of the region's key of data keys: the output `data_key` of `modules/region`."
  type        = string
  nullable    = false
}

variable "proof_key" {
  description = "ARN of the region's key of proofs: the output `proof_key` of `modules/region`."
  type        = string
  nullable    = false
}

variable "rest_key" {
  description = "ARN of the region's key of data at rest: the output `rest_key` of `modules/region`."
  type        = string
  nullable    = false
}

variable "packages" {
  description = "Directory of the functions' packages, as `lambda/package` makes them."
  type        = string
  nullable    = false
}

variable "architecture" {
  description = "Instruction set of the packages: `x86_64` or `arm64`."
  type        = string
  default     = "x86_64"
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "The architecture must be `x86_64` or `arm64`."
  }
}

variable "memory" {
  description = "Memory of the function that answers the triggers, in MB. A share of a processor comes with it, which the start needs."
  type        = number
  default     = 1024
  nullable    = false
}

variable "compare" {
  description = "When the pool is compared with the store, as a schedule expression."
  type        = string
  default     = "rate(1 hour)"
  nullable    = false
}

variable "network" {
  description = "A network of its own for the functions, without a way out but the endpoints of the own region: its address block and 2 to 4 availability zones. Null: no network."
  type = object({
    cidr  = optional(string, "10.0.0.0/24")
    zones = list(string)
  })
  default = null

  validation {
    condition     = var.network == null || (can(cidrsubnet(var.network.cidr, 2, 3)) && length(try(var.network.zones, [])) >= 2 && length(try(var.network.zones, [])) <= 4)
    error_message = "A network has an address block that can be divided into four and 2 to 4 availability zones."
  }
}

variable "alarm_topic" {
  description = "ARN of the topic of alarms: the output `alarm_topic` of `modules/region`. Null: no alarms."
  type        = string
  default     = null
}

variable "endpoints" {
  description = "Endpoints of regions' AWS services, by region; for emulators. Empty: AWS's own."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "log_level" {
  description = "Log level of the functions: `error`, `warn`, `info`, `debug` or `trace`."
  type        = string
  default     = "info"
  nullable    = false
}

variable "log_retention_days" {
  description = "Number of days for which logs are kept."
  type        = number
  default     = 365
  nullable    = false
}

variable "tracing" {
  description = "Whether the functions are traced by X-Ray."
  type        = bool
  default     = true
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether the pool is protected against deletion."
  type        = bool
  default     = true
  nullable    = false
}
