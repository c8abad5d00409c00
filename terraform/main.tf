# One region of a deployment. Apply it once for each region, with that region's variables file and a separate state: no
# region's apply reads another's state or needs another region to exist.

module "region" {
  source = "./modules/region"

  prefix              = var.prefix
  region              = var.region
  regions             = var.regions
  operators           = var.operators
  packages            = startswith(var.packages, "/") ? var.packages : "${path.root}/${var.packages}"
  architecture        = var.architecture
  functions           = var.functions
  schedules           = var.schedules
  stream              = var.stream
  throttling          = var.throttling
  scim                = var.scim
  oidc                = var.oidc
  sources             = var.sources
  deliver             = var.deliver
  sources_key         = var.sources_key
  base_url            = var.base_url
  domain              = var.domain
  endpoints           = var.endpoints
  log_level           = var.log_level
  log_retention_days  = var.log_retention_days
  tracing             = var.tracing
  alarms              = var.alarms
  mail_from           = var.mail_from
  old_pools           = var.old_pools
  deletion_protection = var.deletion_protection
}
