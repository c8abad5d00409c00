locals {
  endpoint_variables = {
    for region, url in var.endpoints :
    "${local.names.environment.endpoint}_${upper(replace(region, "-", "_"))}" => url
  }

  variables = merge(
    local.endpoint_variables,
    {
      (local.names.environment.prefix) = var.prefix
      (local.names.environment.source) = var.source_id
      UMOJA_LOG                        = var.log_level
    },
    # A function that reaches only its own region does not wait for the keys of peers. `reconcile-keys`, which runs
    # outside, wraps the data keys for them.
    var.network == null ? {} : { (local.names.environment.peer_wrap_budget_ms) = "0" },
  )

  # Cognito waits for five seconds.
  timeouts = { cognito = 5, reconcile-sources = 900 }
  memory   = { cognito = var.memory, reconcile-sources = 512 }
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:A limit of concurrency would reject logins.
  #checkov:skip=CKV_AWS_116:Cognito and the schedule get the answer of the function, and a dead letter of a trigger would contain personal data.
  #checkov:skip=CKV_AWS_117:A network of its own is the operator's choice: `network`.
  #checkov:skip=CKV_AWS_272:Packages are built reproducibly from the sources and compared by hash. A signing profile is the operator's choice.
  #checkov:skip=CKV_AWS_173:The environment contains a prefix of names, endpoints and a log level, but no secret.

  for_each = local.function_name

  function_name = each.value
  description   = "Umoja: ${each.key}"
  role          = aws_iam_role.function[each.key].arn

  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  filename         = "${var.packages}/${each.key}.zip"
  source_code_hash = filebase64sha256("${var.packages}/${each.key}.zip")

  memory_size = local.memory[each.key]
  timeout     = local.timeouts[each.key]

  environment {
    variables = local.variables
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  dynamic "vpc_config" {
    for_each = var.network == null ? [] : [true]
    content {
      subnet_ids         = aws_subnet.this[*].id
      security_group_ids = [aws_security_group.function[0].id]
    }
  }

  # If a function starts before its log group and its permissions exist, Lambda creates the group without retention.
  depends_on = [aws_cloudwatch_log_group.function, aws_iam_role_policy.function]
}

resource "aws_cloudwatch_log_group" "function" {
  for_each = local.function_name

  name              = "/aws/lambda/${each.value}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.rest_key
}

resource "aws_scheduler_schedule" "reconcile" {
  #checkov:skip=CKV_AWS_297:The schedule has no data: it starts a function.

  name                = "${var.prefix}-reconcile-sources"
  description         = "Umoja: compares the pool with the store"
  schedule_expression = var.compare

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.this["reconcile-sources"].arn
    role_arn = aws_iam_role.schedule.arn

    retry_policy {
      # The next run does the work.
      maximum_retry_attempts       = 0
      maximum_event_age_in_seconds = 300
    }
  }
}
