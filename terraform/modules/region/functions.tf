locals {
  functions = { for name in local.names.functions : name => var.functions[replace(name, "-", "_")] }

  endpoint_variables = {
    for region, url in var.endpoints :
    "${local.names.environment.endpoint}_${upper(replace(region, "-", "_"))}" => url
  }

  issuer_variable = { for name in [local.names.environment.issuer] : name => local.issuer if local.issuer != null }

  mail_variable = { for name in [local.names.environment.mail_from] : name => var.mail_from if var.mail_from != null }

  # What only some functions need.
  own_variables = {
    api     = merge(local.issuer_variable, local.mail_variable)
    ingest  = { (local.names.environment.topic) = local.accepted_topic_arn }
    oidc    = merge(local.issuer_variable, local.mail_variable)
    deliver = merge(local.issuer_variable, { for name in [local.names.environment.outbound_loopback] : name => "true" if var.deliver.loopback })
  }
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_116:The triggers of a function keep its failures: the stream mapping and the schedules have queues for them, and the HTTP API answers its caller. A dead letter of a scheduled run would contain no data.
  #checkov:skip=CKV_AWS_117:Functions reach only AWS services, by TLS and with IAM. A VPC would add a network to configure and private links to pay for in every region; an operator who needs private links sets `endpoints`.
  #checkov:skip=CKV_AWS_272:Packages are built reproducibly from the sources and compared by hash. A signing profile is the operator's choice.
  #checkov:skip=CKV_AWS_173:The environment contains a prefix of names, endpoints and a log level, but no secret.

  for_each = local.functions

  function_name = local.function_name[each.key]
  description   = "Umoja: ${each.key}"
  role          = aws_iam_role.function[each.key].arn

  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  filename         = "${var.packages}/${each.key}.zip"
  source_code_hash = filebase64sha256("${var.packages}/${each.key}.zip")

  memory_size                    = each.value.memory
  timeout                        = each.value.timeout
  reserved_concurrent_executions = coalesce(each.value.concurrency, -1)

  environment {
    variables = merge(local.endpoint_variables, {
      (local.names.environment.prefix) = var.prefix
      UMOJA_LOG                        = var.log_level
    }, lookup(local.own_variables, each.key, {}))
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  # If a function starts before its log group and its permissions exist, Lambda creates the group without retention.
  depends_on = [aws_cloudwatch_log_group.function, aws_iam_role_policy.function]
}

resource "aws_cloudwatch_log_group" "function" {
  for_each = local.functions

  name              = "/aws/lambda/${local.function_name[each.key]}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.rest.arn
}
