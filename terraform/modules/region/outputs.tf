output "region" {
  description = "The region."
  value       = var.region
}

output "base_url" {
  description = "Base URL of the region's API: the `aud` of signed requests."
  value       = local.base_url
}

output "api_endpoint" {
  description = "The HTTP API's own address, whatever the base URL is."
  value       = aws_apigatewayv2_api.this.api_endpoint
}

output "api_id" {
  description = "Id of the HTTP API."
  value       = aws_apigatewayv2_api.this.id
}

output "data_key" {
  description = "ARN of the KMS key that wraps data keys."
  value       = aws_kms_key.data.arn
}

output "proof_key" {
  description = "ARN of the KMS key that wraps the secret of proofs."
  value       = aws_kms_key.proof.arn
}

output "rest_key" {
  description = "ARN of the KMS key that encrypts tables, logs and alarms at rest."
  value       = aws_kms_key.rest.arn
}

output "tables" {
  description = "Names of the tables, by their names without the prefix."
  value       = { for name, table in aws_dynamodb_table.this : name => table.name }
}

output "queues" {
  description = "URLs of the queues, dead letters and ends too, by their names without the prefix."
  value = merge(
    { for name, queue in aws_sqs_queue.this : name => queue.url },
    { for name, queue in aws_sqs_queue.dead : "${name}${local.names.dead_letters}" => queue.url },
    { for name, queue in aws_sqs_queue.end : name => queue.url },
  )
}

output "functions" {
  description = "Names of the functions, by their names without the prefix."
  value       = { for name, function in aws_lambda_function.this : name => function.function_name }
}

output "roles" {
  description = "Names of the functions' roles, by the functions' names; each has one inline policy, `permissions`."
  value       = { for name, role in aws_iam_role.function : name => role.name }
}

output "log_groups" {
  description = "Names of the log groups, by function; `access` is the HTTP API's, `sources` and `sign-on` the REST APIs'."
  value       = merge({ for name, group in aws_cloudwatch_log_group.function : name => group.name }, { access = aws_cloudwatch_log_group.access.name, sources = aws_cloudwatch_log_group.sources.name, sign-on = aws_cloudwatch_log_group.oidc.name })
}

output "schedule_group" {
  description = "Name of the schedules' group."
  value       = aws_scheduler_schedule_group.this.name
}

output "stream_mappings" {
  description = "Ids of the replicator's event source mappings, by table."
  value       = { for name, mapping in aws_lambda_event_source_mapping.replicator : name => mapping.uuid }
}

output "feed_mappings" {
  description = "Ids of the feed's event source mappings, by table."
  value       = { for name, mapping in aws_lambda_event_source_mapping.feed : name => mapping.uuid }
}

output "alarm_topic" {
  description = "ARN of the topic that alarms go to."
  value       = aws_sns_topic.alarms.arn
}

output "sources_url" {
  description = "URL of the REST API to which sources post."
  value       = local.sources_url
}

output "sources_api_id" {
  description = "Id of the REST API to which sources post."
  value       = aws_api_gateway_rest_api.sources.id
}

output "sources_key" {
  description = "The gateway's key, `x-api-key` of requests of sources. It authenticates no source."
  value       = aws_api_gateway_api_key.sources.value
  sensitive   = true
}

output "sources_plan" {
  description = "Id of the usage plan of sources, to which an operator can add keys."
  value       = aws_api_gateway_usage_plan.sources.id
}

output "accepted_topic" {
  description = "ARN of the topic of accepted events."
  value       = aws_sns_topic.accepted.arn
}

output "issuer" {
  description = "The issuer of single sign-on; null if it is not served."
  value       = local.issuer
}

output "oidc_url" {
  description = "URL of the REST API of single sign-on, whatever the issuer is."
  value       = trimsuffix(aws_api_gateway_stage.oidc.invoke_url, "/")
}

output "oidc_api_id" {
  description = "Id of the REST API of single sign-on."
  value       = aws_api_gateway_rest_api.oidc.id
}

output "oidc_stage_arn" {
  description = "ARN of the stage of single sign-on, with which a web ACL is associated."
  value       = aws_api_gateway_stage.oidc.arn
}
