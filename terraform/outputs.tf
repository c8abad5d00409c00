output "region" {
  description = "The region."
  value       = module.region.region
}

output "base_url" {
  description = "Base URL of the region's API: the `aud` of signed requests."
  value       = module.region.base_url
}

output "api_endpoint" {
  description = "The HTTP API's own address, whatever the base URL is."
  value       = module.region.api_endpoint
}

output "api_id" {
  description = "Id of the HTTP API."
  value       = module.region.api_id
}

output "data_key" {
  description = "ARN of the KMS key that wraps data keys."
  value       = module.region.data_key
}

output "proof_key" {
  description = "ARN of the KMS key that wraps the secret of proofs."
  value       = module.region.proof_key
}

output "rest_key" {
  description = "ARN of the KMS key that encrypts tables, logs and alarms at rest."
  value       = module.region.rest_key
}

output "tables" {
  description = "Names of the tables, by their names without the prefix."
  value       = module.region.tables
}

output "queues" {
  description = "URLs of the queues, dead letters and ends too, by their names without the prefix."
  value       = module.region.queues
}

output "functions" {
  description = "Names of the functions, by their names without the prefix."
  value       = module.region.functions
}

output "roles" {
  description = "Names of the functions' roles, by the functions' names; each has one inline policy, `permissions`."
  value       = module.region.roles
}

output "log_groups" {
  description = "Names of the log groups, by function; `access` is the HTTP API's, `sources` and `sign-on` the REST APIs'."
  value       = module.region.log_groups
}

output "schedule_group" {
  description = "Name of the schedules' group."
  value       = module.region.schedule_group
}

output "stream_mappings" {
  description = "Ids of the replicator's event source mappings, by table."
  value       = module.region.stream_mappings
}

output "feed_mappings" {
  description = "Ids of the feed's event source mappings, by table."
  value       = module.region.feed_mappings
}

output "alarm_topic" {
  description = "ARN of the topic that alarms go to."
  value       = module.region.alarm_topic
}

output "sources_url" {
  description = "URL of the REST API to which sources post."
  value       = module.region.sources_url
}

output "sources_api_id" {
  description = "Id of the REST API to which sources post."
  value       = module.region.sources_api_id
}

output "sources_key" {
  description = "The gateway's key, `x-api-key` of requests of sources. It authenticates no source."
  value       = module.region.sources_key
  sensitive   = true
}

output "sources_plan" {
  description = "Id of the usage plan of sources, to which an operator can add keys."
  value       = module.region.sources_plan
}

output "accepted_topic" {
  description = "ARN of the topic of accepted events."
  value       = module.region.accepted_topic
}

output "issuer" {
  description = "The issuer of single sign-on; null if it is not served."
  value       = module.region.issuer
}

output "oidc_url" {
  description = "URL of the REST API of single sign-on, whatever the issuer is."
  value       = module.region.oidc_url
}

output "oidc_api_id" {
  description = "Id of the REST API of single sign-on."
  value       = module.region.oidc_api_id
}

output "oidc_stage_arn" {
  description = "ARN of the stage of single sign-on, with which a web ACL is associated."
  value       = module.region.oidc_stage_arn
}
