# What browsers and clients of single sign-on call. A REST API of its own, beside the HTTP API: only a REST API can have a
# web ACL, its names have no other routes, and its limits are not those of companies' back ends.
#
# Every region has the same issuer, so its name is one of all regions (`domain.issuer`), and any region answers any request.

locals {
  oidc_stage = "oidc"

  issuer = try(coalesce(var.oidc.issuer, try("https://${var.domain.issuer.name}", null)), null)
}

resource "aws_api_gateway_rest_api" "oidc" {
  name                         = "${var.prefix}-oidc"
  description                  = "Umoja: single sign-on in ${var.region}"
  disable_execute_api_endpoint = try(var.domain.issuer, null) != null && !try(var.domain.execute_api, true)

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  lifecycle {
    create_before_destroy = true
  }
}

# One route to one function, as with the api: the function's router answers unknown paths and methods.
resource "aws_api_gateway_resource" "oidc" {
  rest_api_id = aws_api_gateway_rest_api.oidc.id
  parent_id   = aws_api_gateway_rest_api.oidc.root_resource_id
  path_part   = "{proxy+}"
}

resource "aws_api_gateway_method" "oidc" {
  #checkov:skip=CKV_AWS_59:A person who signs in has nothing yet to authenticate by. The function authenticates clients, persons and tokens.
  #checkov:skip=CKV2_AWS_53:The standards say what a request may have, and the function reads it by their rules. A schema here would be a second, weaker rule.

  rest_api_id   = aws_api_gateway_rest_api.oidc.id
  resource_id   = aws_api_gateway_resource.oidc.id
  http_method   = "ANY"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "oidc" {
  rest_api_id             = aws_api_gateway_rest_api.oidc.id
  resource_id             = aws_api_gateway_resource.oidc.id
  http_method             = aws_api_gateway_method.oidc.http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_function.this["oidc"].invoke_arn
}

# The issuer itself, which `{proxy+}` does not match: it leads a person to its account.
resource "aws_api_gateway_method" "issuer" {
  #checkov:skip=CKV_AWS_59:A person who types the issuer has nothing yet to authenticate by. The answer is the same for all.
  #checkov:skip=CKV2_AWS_53:The request has no parameters.

  rest_api_id   = aws_api_gateway_rest_api.oidc.id
  resource_id   = aws_api_gateway_rest_api.oidc.root_resource_id
  http_method   = "ANY"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "issuer" {
  rest_api_id             = aws_api_gateway_rest_api.oidc.id
  resource_id             = aws_api_gateway_rest_api.oidc.root_resource_id
  http_method             = aws_api_gateway_method.issuer.http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_function.this["oidc"].invoke_arn
}

resource "aws_api_gateway_deployment" "oidc" {
  rest_api_id = aws_api_gateway_rest_api.oidc.id

  triggers = {
    routes = sha256(jsonencode([
      aws_api_gateway_resource.oidc.path_part, aws_api_gateway_method.oidc.http_method, aws_api_gateway_method.issuer.http_method,
    ]))
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_api_gateway_integration.oidc, aws_api_gateway_integration.issuer]
}

resource "aws_api_gateway_stage" "oidc" {
  #checkov:skip=CKV_AWS_120:An answer is one person's or one client's. What all get, they may keep by their own caches.
  #checkov:skip=CKV2_AWS_29:A web application firewall is the operator's choice: `oidc.web_acl`.
  #checkov:skip=CKV2_AWS_77:The rules of that web ACL are the operator's. No program of a deployment has Log4j.
  #checkov:skip=CKV2_AWS_51:A client certificate shows an HTTP backend that the gateway calls. The backend is a function, which only the gateway may invoke.
  #checkov:skip=CKV_AWS_73:Traced as the functions are: `tracing`.
  #checkov:skip=CKV2_AWS_4:The execution log of a REST API has query strings, headers and cookies; it stays off. The access log has none of them.

  rest_api_id          = aws_api_gateway_rest_api.oidc.id
  deployment_id        = aws_api_gateway_deployment.oidc.id
  stage_name           = local.oidc_stage
  xray_tracing_enabled = var.tracing

  # No address of a browser, no path, no query string, no cookie and no text of an error: the log contains no personal data.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.oidc.arn
    format = jsonencode({
      requestId          = "$context.requestId"
      requestTime        = "$context.requestTimeEpoch"
      method             = "$context.httpMethod"
      status             = "$context.status"
      responseLatency    = "$context.responseLatency"
      integrationLatency = "$context.integrationLatency"
      integrationStatus  = "$context.integrationStatus"
    })
  }

  depends_on = [aws_api_gateway_account.this]
}

resource "aws_api_gateway_method_settings" "oidc" {
  #checkov:skip=CKV_AWS_225:An answer is one person's or one client's.
  #checkov:skip=CKV_AWS_308:Nothing is cached.
  #checkov:skip=CKV2_AWS_4:The execution log of a REST API has query strings, headers and cookies; it stays off. The access log has none of them.

  rest_api_id = aws_api_gateway_rest_api.oidc.id
  stage_name  = aws_api_gateway_stage.oidc.stage_name
  method_path = "*/*"

  settings {
    throttling_rate_limit  = var.oidc.rate
    throttling_burst_limit = var.oidc.burst
    metrics_enabled        = true
    logging_level          = "OFF"
    data_trace_enabled     = false
  }
}

resource "aws_lambda_permission" "oidc" {
  statement_id  = "RestApi"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this["oidc"].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.oidc.execution_arn}/${local.oidc_stage}/*/*"
}

resource "aws_cloudwatch_log_group" "oidc" {
  name              = "/aws/vendedlogs/${var.prefix}-oidc-access"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.rest.arn
}

resource "aws_wafv2_web_acl_association" "oidc" {
  count = var.oidc.web_acl == null ? 0 : 1

  resource_arn = aws_api_gateway_stage.oidc.arn
  web_acl_arn  = var.oidc.web_acl
}
