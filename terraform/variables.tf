variable "prefix" {
  description = "Prefix of every name of the deployment: tables, queues, functions, roles. The same in every region."
  type        = string
  default     = "umoja"
  nullable    = false

  validation {
    # IAM limits names to 64 characters: the prefix, the region and the function's name have to fit.
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.prefix)) && !strcontains(var.prefix, "--")
    error_message = "The prefix must be 2 to 20 lower-case letters, digits and single hyphens; it begins with a letter and does not end with a hyphen."
  }
}

variable "region" {
  description = "The AWS region to apply."
  type        = string
  nullable    = false

  validation {
    condition     = contains(var.regions, var.region)
    error_message = "The region is not in the list `regions`: add it there, and apply every region again."
  }
}

variable "regions" {
  description = "Every region of the deployment, including this one. The same in every region."
  type        = list(string)
  nullable    = false

  validation {
    condition     = alltrue([for name in var.regions : can(regex("^[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}$", name))])
    error_message = "A region must be an AWS region name, for example `eu-west-1`."
  }
  validation {
    condition     = length(var.regions) >= 1 && length(var.regions) <= 16
    error_message = "A deployment must have 1 to 16 regions, because a record has at most 16 wrapped keys."
  }
  validation {
    condition     = length(var.regions) == length(distinct(var.regions))
    error_message = "A region is in the list twice."
  }
}

variable "operators" {
  description = "ARNs (wild cards allowed) of the roles and users that run `umoja init`, `umoja region` and other commands. Besides the functions, only they may use the data key, if IAM also allows it."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.operators : can(regex("^arn:[a-z-]+:(iam|sts)::[0-9]{12}:[a-zA-Z]", arn))])
    error_message = "Operators must be IAM ARNs, for example `arn:aws:iam::123456789012:role/umoja-operators`."
  }
}

variable "packages" {
  description = "Directory of the functions' packages, `<function>.zip` each; relative to this root, or absolute."
  type        = string
  default     = "../dist"
  nullable    = false
}

variable "architecture" {
  description = "Instruction set that the packages are built for: `x86_64` or `arm64`."
  type        = string
  default     = "x86_64"
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "The architecture must be `x86_64` or `arm64`."
  }
}

variable "functions" {
  description = "Memory in MB, time-out in seconds and reserved concurrency (null: none) of each function. docs/functions.md explains the defaults."
  type = object({
    api               = optional(object({ memory = optional(number, 1024), timeout = optional(number, 29), concurrency = optional(number) }), {})
    replicator        = optional(object({ memory = optional(number, 256), timeout = optional(number, 60), concurrency = optional(number) }), {})
    feed              = optional(object({ memory = optional(number, 256), timeout = optional(number, 60), concurrency = optional(number) }), {})
    deliver           = optional(object({ memory = optional(number, 512), timeout = optional(number, 120), concurrency = optional(number) }), {})
    reconcile_targets = optional(object({ memory = optional(number, 256), timeout = optional(number, 60), concurrency = optional(number) }), {})
    reconcile_writes  = optional(object({ memory = optional(number, 256), timeout = optional(number, 300), concurrency = optional(number) }), {})
    reconcile_keys    = optional(object({ memory = optional(number, 256), timeout = optional(number, 300), concurrency = optional(number) }), {})
    reconcile_merges  = optional(object({ memory = optional(number, 256), timeout = optional(number, 300), concurrency = optional(number) }), {})
    anti_entropy      = optional(object({ memory = optional(number, 256), timeout = optional(number, 900), concurrency = optional(number) }), {})
    ingest            = optional(object({ memory = optional(number, 512), timeout = optional(number, 29), concurrency = optional(number) }), {})
    ingest_worker     = optional(object({ memory = optional(number, 512), timeout = optional(number, 180), concurrency = optional(number) }), {})
    scim              = optional(object({ memory = optional(number, 1024), timeout = optional(number, 29), concurrency = optional(number) }), {})
    oidc              = optional(object({ memory = optional(number, 1024), timeout = optional(number, 29), concurrency = optional(number) }), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for settings in values(var.functions) : settings.memory >= 128 && settings.memory <= 10240])
    error_message = "A function's memory must be 128 to 10240 MB."
  }
  validation {
    condition     = alltrue([for settings in values(var.functions) : settings.timeout >= 1 && settings.timeout <= 900])
    error_message = "A function's time-out must be 1 to 900 seconds."
  }
  validation {
    condition     = var.functions.deliver.timeout >= 60
    error_message = "A call of a foreign system takes up to 10 seconds, and a delivery some of them: the time-out of deliver must be at least 60 seconds."
  }
  validation {
    condition     = alltrue([for name in ["api", "ingest", "scim", "oidc"] : var.functions[name].timeout <= 29])
    error_message = "The gateways wait 29 or 30 seconds for an answer, so the time-outs of api, ingest, scim and oidc must be at most 29."
  }
}

variable "schedules" {
  description = "When the scheduled functions run, as EventBridge Scheduler expressions; `enabled = false` stops all of them."
  type = object({
    reconcile_writes  = optional(string, "rate(1 minute)")
    reconcile_keys    = optional(string, "rate(1 minute)")
    reconcile_merges  = optional(string, "rate(1 minute)")
    reconcile_targets = optional(string, "rate(1 minute)")
    anti_entropy      = optional(string, "rate(1 hour)")
    ingest_worker     = optional(string, "rate(5 minutes)")
    enabled           = optional(bool, true)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for when in [var.schedules.reconcile_writes, var.schedules.reconcile_keys, var.schedules.reconcile_merges, var.schedules.reconcile_targets, var.schedules.anti_entropy, var.schedules.ingest_worker] :
      can(regex("^(rate|cron)\\(.+\\)$", when))
    ])
    error_message = "A schedule must be `rate(...)` or `cron(...)`."
  }
}

variable "stream" {
  description = "How the replicator and the feed read the streams: records per batch, concurrent batches per shard (of the replicator; the feed has one), and the age in seconds after which a failing record goes to the stream failures."
  type = object({
    batch_size      = optional(number, 100)
    parallelization = optional(number, 2)
    max_age         = optional(number, 72000)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.stream.batch_size >= 1 && var.stream.batch_size <= 1000
    error_message = "A batch must have 1 to 1000 records."
  }
  validation {
    condition     = var.stream.parallelization >= 1 && var.stream.parallelization <= 10
    error_message = "Lambda processes 1 to 10 batches of a shard at a time."
  }
  validation {
    # A stream drops records after 24 hours. Records that Lambda gives up before that are reported; dropped ones are not.
    condition     = var.stream.max_age >= 3600 && var.stream.max_age <= 82800
    error_message = "The greatest age of a record must be 1 to 23 hours: 3600 to 82800 seconds."
  }
}

variable "throttling" {
  description = "Requests per second that the HTTP API admits: on average (`rate`) and at once (`burst`). Above that it answers 429."
  type = object({
    rate  = optional(number, 500)
    burst = optional(number, 1000)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.throttling.rate > 0 && var.throttling.burst > 0
    error_message = "Rate and burst must be greater than 0."
  }
}

variable "scim" {
  description = "Requests per second that the HTTP API admits at SCIM, apart from `throttling`: on average (`rate`) and at once (`burst`). All companies share them. Above that it answers 429."
  type = object({
    rate  = optional(number, 100)
    burst = optional(number, 200)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.scim.rate > 0 && var.scim.burst > 0
    error_message = "Rate and burst must be greater than 0."
  }
}

variable "oidc" {
  description = "Single sign-on: its issuer, a URL that leads to all regions and is the same in every region (`issuer`; null: `https://` and the name of `domain.issuer`; without both, it is not served); requests per second that its REST API admits on average (`rate`) and at once (`burst`); and the ARN of a web ACL of this region in front of it (`web_acl`)."
  type = object({
    issuer  = optional(string)
    rate    = optional(number, 500)
    burst   = optional(number, 1000)
    web_acl = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.oidc.rate > 0 && var.oidc.burst > 0
    error_message = "Rate and burst must be greater than 0."
  }
  validation {
    condition     = var.oidc.issuer == null || can(regex("^https?://[^/?#]+$", var.oidc.issuer))
    error_message = "An issuer must begin with `https://` (or `http://`, for emulators) and have no path, query or fragment: clients look for its documents at the root of the name."
  }
  validation {
    condition     = var.oidc.web_acl == null || can(regex("^arn:[a-z-]+:wafv2:[a-z0-9-]+:[0-9]{12}:regional/webacl/", var.oidc.web_acl))
    error_message = "A web ACL must be the ARN of a regional one, `arn:aws:wafv2:...:regional/webacl/...`."
  }
}

variable "sources" {
  description = "The REST API to which sources post: requests per second that it admits on average (`rate`) and at once (`burst`), whether it wants a key of its own (`key_required`), whether this module sets the account's role by which REST APIs write logs (`account_role`), and another URL of it (`url`); and how many batches of events are applied at the same time (`concurrency`)."
  type = object({
    rate         = optional(number, 500)
    burst        = optional(number, 1000)
    key_required = optional(bool, true)
    account_role = optional(bool, true)
    url          = optional(string)
    concurrency  = optional(number, 10)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.sources.rate > 0 && var.sources.burst > 0
    error_message = "Rate and burst must be greater than 0."
  }
  validation {
    condition     = var.sources.concurrency >= 2 && var.sources.concurrency <= 1000
    error_message = "Lambda applies 2 to 1000 batches of a queue at a time."
  }
  validation {
    condition     = var.sources.url == null || can(regex("^https?://[^/?#]+(/[^?#]*)?[^/?#]$", var.sources.url))
    error_message = "A URL must begin with `https://` (or `http://`, for emulators) and have no trailing slash, query or fragment."
  }
}

variable "deliver" {
  description = "Deliveries to webhooks and targets: how many batches of systems are worked at the same time (`concurrency`), and whether systems may be on the machine of the function, without TLS too (`loopback`: for an emulator, and never in AWS)."
  type = object({
    concurrency = optional(number, 10)
    loopback    = optional(bool, false)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.deliver.concurrency >= 2 && var.deliver.concurrency <= 1000
    error_message = "Lambda works at 2 to 1000 batches of a queue at a time."
  }
}

variable "sources_key" {
  description = "The gateway's key for sources, if it shall be the same in every region. Null: AWS makes one in each region. It is written into the state."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.sources_key == null || can(regex("^[A-Za-z0-9]{20,128}$", var.sources_key))
    error_message = "The gateway's key must have 20 to 128 letters and digits."
  }
}

variable "base_url" {
  description = "Base URL of this region's API, which signed requests name as their audience. Null: the custom domain's if there is one, else the HTTP API's own."
  type        = string
  default     = null

  validation {
    condition     = var.base_url == null || can(regex("^https?://[^/?#]+(/[^?#]*)?[^/?#]$", var.base_url))
    error_message = "A base URL must begin with `https://` (or `http://`, for emulators) and have no trailing slash, query or fragment."
  }
}

variable "domain" {
  description = "Custom domain. `name`: this region's own, with the ARN of an ACM certificate of this region and the Route 53 zone. `shared`: one name for all regions, answered by the nearest one that is ready; for health and discovery only, since signed requests name their region. `issuer`: such a name for single sign-on. `execute_api = false` turns the own addresses of the HTTP API, and of single sign-on if it has a name, off."
  type = object({
    name            = string
    certificate_arn = string
    zone_id         = string
    execute_api     = optional(bool, true)
    shared = optional(object({
      name            = string
      certificate_arn = string
    }))
    issuer = optional(object({
      name            = string
      certificate_arn = string
    }))
  })
  default = null
}

variable "endpoints" {
  description = "Endpoints of peer regions' AWS services, by region; for private links and emulators. Empty: AWS's own."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for url in values(var.endpoints) : can(regex("^https?://[^/?#]+$", url))])
    error_message = "An endpoint must be `http://` or `https://`, a host and optionally a port, with nothing after them."
  }
  validation {
    condition     = alltrue([for name in keys(var.endpoints) : contains(var.regions, name)])
    error_message = "An endpoint is given for a region that is not in `regions`."
  }
}

variable "log_level" {
  description = "Log level of the functions: `error`, `warn`, `info`, `debug` or `trace`."
  type        = string
  default     = "info"
  nullable    = false

  validation {
    condition     = contains(["error", "warn", "info", "debug", "trace"], var.log_level)
    error_message = "The log level must be `error`, `warn`, `info`, `debug` or `trace`."
  }
}

variable "log_retention_days" {
  description = "Number of days for which logs are kept."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch Logs keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, ... days."
  }
}

variable "tracing" {
  description = "Whether the functions are traced by X-Ray."
  type        = bool
  default     = true
  nullable    = false
}

variable "alarms" {
  description = "E-mail addresses that receive alarms, and the thresholds that raise an alarm within five minutes."
  type = object({
    emails                     = optional(list(string), [])
    iterator_age_secs          = optional(number, 60)
    queue_age_secs             = optional(number, 900)
    event_age_secs             = optional(number, 900)
    delivery_age_secs          = optional(number, 3600)
    queue_depth                = optional(number, 10000)
    replication_lag_p99_millis = optional(number, 5000)
    kms_errors                 = optional(number, 10)
    stuffing_clients           = optional(number, 10)
    api_5xx_percent            = optional(number, 1)
    api_latency_p99_millis     = optional(number, 2000)
  })
  default  = {}
  nullable = false
}

variable "mail_from" {
  description = "The address from which `api` and `oidc` send mail by SES of the region, such as `no-reply@id.example.com`. It or its domain has to be a verified identity of SES in the region. Null: no mail is sent."
  type        = string
  default     = null

  validation {
    condition     = var.mail_from == null || can(regex("^[A-Za-z0-9._%+-]+@[a-z0-9.-]+$", var.mail_from))
    error_message = "It must be an address such as `no-reply@id.example.com`."
  }
}

variable "old_pools" {
  description = "ARNs of user pools of Cognito that are old systems of companies (`umoja company set --old-system`)."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether tables are protected against deletion. Set it to false only if all data may be lost."
  type        = bool
  default     = true
  nullable    = false
}

variable "tags" {
  description = "Tags of every resource, besides `umoja:deployment`."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.tags) : !startswith(name, "umoja:")])
    error_message = "The deployment sets the tags that begin with `umoja:`, and IAM conditions depend on them."
  }
}
