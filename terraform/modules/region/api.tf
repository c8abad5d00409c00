# One `$default` route to one function instead of a route for each operation: the function's router answers unknown
# paths and methods in the same form as all others, and the operations are defined in one place. A route for each
# operation would add no check, because the permissions depend on the signed body.

resource "aws_apigatewayv2_api" "this" {
  name                         = "${var.prefix}-api"
  description                  = "Umoja: the API of ${var.region}"
  protocol_type                = "HTTP"
  disable_execute_api_endpoint = var.domain != null && !try(var.domain.execute_api, true)
  # No `cors_configuration`: callers are companies' servers. A browser has no signing key.
}

resource "aws_apigatewayv2_integration" "api" {
  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.this["api"].invoke_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "default" {
  #checkov:skip=CKV_AWS_309:Requests are signed by the caller's own key, over the body; the function checks that before its first paid call. IAM and JWT authorizers support neither.

  api_id    = aws_apigatewayv2_api.this.id
  route_key = "$default"
  target    = "integrations/${aws_apigatewayv2_integration.api.id}"

  authorization_type = "NONE"
}

resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit    = var.throttling.rate
    throttling_burst_limit   = var.throttling.burst
    detailed_metrics_enabled = false
  }

  # A limit of its own: the SCIM client of one company cannot use up the requests of the others' logins.
  route_settings {
    route_key                = aws_apigatewayv2_route.scim.route_key
    throttling_rate_limit    = var.scim.rate
    throttling_burst_limit   = var.scim.burst
    detailed_metrics_enabled = false
  }

  # No address of a caller, no path and no text of an error: the log contains no personal data.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format = jsonencode({
      requestId          = "$context.requestId"
      requestTime        = "$context.requestTimeEpoch"
      routeKey           = "$context.routeKey"
      status             = "$context.status"
      responseLatency    = "$context.responseLatency"
      integrationLatency = "$context.integrationLatency"
      integrationStatus  = "$context.integrationStatus"
    })
  }
}

# Log delivery to a group under `/aws/vendedlogs/` does not grow the resource policy.
resource "aws_cloudwatch_log_group" "access" {
  name              = "/aws/vendedlogs/${var.prefix}-api-access"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.rest.arn
}

resource "aws_lambda_permission" "api" {
  statement_id  = "HttpApi"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this["api"].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/*"
}

locals {
  base_url = (
    var.base_url != null ? var.base_url :
    var.domain != null ? "https://${var.domain.name}" :
    trimsuffix(aws_apigatewayv2_api.this.api_endpoint, "/")
  )

  log_groups = concat(
    [for name in local.names.functions : "/aws/lambda/${local.function_name[name]}"],
    [for name in local.names.pool_functions : "/aws/lambda/${var.prefix}-${name}"],
    [for gateway in ["api", "sources", "oidc"] : "/aws/vendedlogs/${var.prefix}-${gateway}-access"],
  )
}
