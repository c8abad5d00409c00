# What sources post to, and how their events get to the worker:
#
#   REST API -> ingest -> table inbox (the sealed event)
#                      -> topic (its key) -> queue ingest -> ingest-worker
#                                         -> whatever an operator subscribes
#
# A REST API beside the HTTP API, because only a REST API has API keys and usage plans. The gateway's key limits who may
# use up requests and authenticates no source: the function checks the key of the source itself.

locals {
  sources_stage = "feeds"
  sources_path  = ["v1", "sources", "{source}", "events"]

  # POST accepts events. GET answers Okta's verification, and takes the legacy form of events of sources that may use it.
  sources_methods = toset(["GET", "POST"])

  sources_url = coalesce(var.sources.url, trimsuffix(aws_api_gateway_stage.sources.invoke_url, "/"))

  accepted_topic_arn = "arn:${local.partition}:sns:${var.region}:${local.account}:${var.prefix}-${local.names.topics.accepted}"
}

resource "aws_api_gateway_rest_api" "sources" {
  name           = "${var.prefix}-sources"
  description    = "Umoja: what sources of ${var.region} post to"
  api_key_source = "HEADER"

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_resource" "v1" {
  rest_api_id = aws_api_gateway_rest_api.sources.id
  parent_id   = aws_api_gateway_rest_api.sources.root_resource_id
  path_part   = local.sources_path[0]
}

resource "aws_api_gateway_resource" "sources" {
  rest_api_id = aws_api_gateway_rest_api.sources.id
  parent_id   = aws_api_gateway_resource.v1.id
  path_part   = local.sources_path[1]
}

resource "aws_api_gateway_resource" "source" {
  rest_api_id = aws_api_gateway_rest_api.sources.id
  parent_id   = aws_api_gateway_resource.sources.id
  path_part   = local.sources_path[2]
}

resource "aws_api_gateway_resource" "events" {
  rest_api_id = aws_api_gateway_rest_api.sources.id
  parent_id   = aws_api_gateway_resource.source.id
  path_part   = local.sources_path[3]
}

resource "aws_api_gateway_method" "events" {
  #checkov:skip=CKV_AWS_59:The function authenticates the source by its own key and, if it signs, by its signature over the body. A key of the gateway is required unless an operator turns that off for senders that can send only one header.
  #checkov:skip=CKV2_AWS_53:Each kind of source posts bodies of its own form, which the function reads within limits. A schema here would be a second, weaker rule.

  for_each = local.sources_methods

  rest_api_id      = aws_api_gateway_rest_api.sources.id
  resource_id      = aws_api_gateway_resource.events.id
  http_method      = each.key
  authorization    = "NONE"
  api_key_required = var.sources.key_required
}

resource "aws_api_gateway_integration" "events" {
  for_each = local.sources_methods

  rest_api_id             = aws_api_gateway_rest_api.sources.id
  resource_id             = aws_api_gateway_resource.events.id
  http_method             = aws_api_gateway_method.events[each.key].http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_function.this["ingest"].invoke_arn
}

resource "aws_api_gateway_deployment" "sources" {
  rest_api_id = aws_api_gateway_rest_api.sources.id

  triggers = {
    routes = sha256(jsonencode([local.sources_path, local.sources_methods, var.sources.key_required]))
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_api_gateway_integration.events]
}

resource "aws_api_gateway_stage" "sources" {
  #checkov:skip=CKV_AWS_120:Every request is an event of its own; there is nothing to cache.
  #checkov:skip=CKV2_AWS_29:A web application firewall is the operator's choice. The usage plan limits requests, and the function bodies.
  #checkov:skip=CKV2_AWS_51:A client certificate shows an HTTP backend that the gateway calls. The backend is a function, which only the gateway may invoke.
  #checkov:skip=CKV_AWS_73:Traced as the functions are: `tracing`.
  #checkov:skip=CKV2_AWS_4:The execution log of a REST API has query strings and headers; it stays off. The access log has neither.

  rest_api_id          = aws_api_gateway_rest_api.sources.id
  deployment_id        = aws_api_gateway_deployment.sources.id
  stage_name           = local.sources_stage
  xray_tracing_enabled = var.tracing

  # No address of a caller, no path, no query string, no body and no text of an error: the log contains no personal data.
  # The id of a gateway's key is not the key.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.sources.arn
    format = jsonencode({
      requestId          = "$context.requestId"
      requestTime        = "$context.requestTimeEpoch"
      method             = "$context.httpMethod"
      apiKeyId           = "$context.identity.apiKeyId"
      status             = "$context.status"
      responseLatency    = "$context.responseLatency"
      integrationLatency = "$context.integrationLatency"
      integrationStatus  = "$context.integrationStatus"
    })
  }

  depends_on = [aws_api_gateway_account.this]
}

resource "aws_api_gateway_method_settings" "sources" {
  #checkov:skip=CKV_AWS_225:Every request is an event of its own; there is nothing to cache.
  #checkov:skip=CKV_AWS_308:Nothing is cached.
  #checkov:skip=CKV2_AWS_4:The execution log of a REST API has query strings and headers; it stays off. The access log has neither.

  rest_api_id = aws_api_gateway_rest_api.sources.id
  stage_name  = aws_api_gateway_stage.sources.stage_name
  method_path = "*/*"

  settings {
    throttling_rate_limit  = var.sources.rate
    throttling_burst_limit = var.sources.burst
    metrics_enabled        = true
    logging_level          = "OFF"
    data_trace_enabled     = false
  }
}

resource "aws_api_gateway_usage_plan" "sources" {
  name        = "${var.prefix}-sources"
  description = "Umoja: how much the sources of ${var.region} may post"

  api_stages {
    api_id = aws_api_gateway_rest_api.sources.id
    stage  = aws_api_gateway_stage.sources.stage_name
  }

  throttle_settings {
    rate_limit  = var.sources.rate
    burst_limit = var.sources.burst
  }

  # A quota is the operator's own.
  lifecycle {
    ignore_changes = [quota_settings]
  }
}

resource "aws_api_gateway_api_key" "sources" {
  name        = "${var.prefix}-sources"
  description = "Umoja: the gateway's key for the sources of ${var.region}; it authenticates no source"
  value       = var.sources_key
}

resource "aws_api_gateway_usage_plan_key" "sources" {
  key_id        = aws_api_gateway_api_key.sources.id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.sources.id
}

resource "aws_lambda_permission" "sources" {
  statement_id  = "RestApi"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this["ingest"].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.sources.execution_arn}/${local.sources_stage}/*/v1/sources/*/events"
}

resource "aws_cloudwatch_log_group" "sources" {
  name              = "/aws/vendedlogs/${var.prefix}-sources-access"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.rest.arn
}

# REST APIs write their access logs by a role of the account, one for each account and region. An account that has one
# already sets `account_role = false`.
resource "aws_iam_role" "gateway" {
  count = var.sources.account_role ? 1 : 0

  name        = "${var.prefix}-${var.region}-gateway"
  description = "Umoja: by which the REST APIs of ${var.region} write their logs"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Gateway"
      Effect    = "Allow"
      Principal = { Service = "apigateway.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "gateway" {
  count = var.sources.account_role ? 1 : 0

  role       = aws_iam_role.gateway[0].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

resource "aws_api_gateway_account" "this" {
  count = var.sources.account_role ? 1 : 0

  cloudwatch_role_arn = aws_iam_role.gateway[0].arn

  depends_on = [aws_iam_role_policy_attachment.gateway]
}

# SCIM clients send a bearer token and no other header, so they could not pass a gateway that wants a key. They use the
# HTTP API, at the region's base URL.
resource "aws_apigatewayv2_integration" "scim" {
  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.this["scim"].invoke_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "scim" {
  #checkov:skip=CKV_AWS_309:The function checks the bearer token of the company's source. IAM and JWT authorizers do not know it.

  api_id    = aws_apigatewayv2_api.this.id
  route_key = "ANY /scim/v2/{proxy+}"
  target    = "integrations/${aws_apigatewayv2_integration.scim.id}"

  authorization_type = "NONE"
}

resource "aws_lambda_permission" "scim" {
  statement_id  = "HttpApi"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this["scim"].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/*"
}

# The topic of accepted events. A message has the key of an event, which is a keyed hash, and nothing of the event.
resource "aws_sns_topic" "accepted" {
  name              = "${var.prefix}-${local.names.topics.accepted}"
  kms_master_key_id = aws_kms_key.rest.arn
}

resource "aws_sns_topic_policy" "accepted" {
  arn = aws_sns_topic.accepted.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AcceptedEvents"
      Effect    = "Allow"
      Principal = { AWS = aws_iam_role.function["ingest"].arn }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.accepted.arn
    }]
  })
}

# Raw, so that a message of the topic is the same as one that the worker sends itself. The worker reads wrapped ones too.
resource "aws_sns_topic_subscription" "ingest" {
  topic_arn            = aws_sns_topic.accepted.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.this[local.names.queues.ingest].arn
  raw_message_delivery = true
  redrive_policy       = jsonencode({ deadLetterTargetArn = aws_sqs_queue.end["topic-failures"].arn })

  depends_on = [aws_sqs_queue_policy.accepted]
}

resource "aws_sqs_queue_policy" "accepted" {
  for_each = {
    ingest         = aws_sqs_queue.this[local.names.queues.ingest]
    topic-failures = aws_sqs_queue.end["topic-failures"]
  }

  queue_url = each.value.url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AcceptedEvents"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = each.value.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_sns_topic.accepted.arn } }
    }]
  })
}

resource "aws_lambda_event_source_mapping" "ingest" {
  event_source_arn        = aws_sqs_queue.this[local.names.queues.ingest].arn
  function_name           = aws_lambda_function.this["ingest-worker"].arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]

  # How many people are written at the same time, whatever a source posts at once.
  scaling_config {
    maximum_concurrency = var.sources.concurrency
  }

  # Lambda checks the role's permissions when the mapping is created.
  depends_on = [aws_iam_role_policy.function]
}
