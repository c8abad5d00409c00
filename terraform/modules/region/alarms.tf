# What an operator has to be told. Every alarm goes to one topic of the region.

resource "aws_sns_topic" "alarms" {
  name              = "${var.prefix}-alarms"
  kms_master_key_id = aws_kms_key.rest.arn
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OwnAlarms"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:cloudwatch:${var.region}:${local.account}:alarm:${var.prefix}-*" }
      }
    }]
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.alarms.emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

locals {
  # Each: what is measured, above what value, over how many minutes, and what it means.
  alarms = merge(
    {
      replication-lag = {
        metric    = "ReplicationLag", namespace = local.names.metrics.namespace, dimensions = local.deployment
        statistic = "p99", above = var.alarms.replication_lag_p99_millis, minutes = 5
        means     = "Copies reach the peers late."
      }
      missing-wrapped-keys = {
        metric = "MissingWrappedKeys", namespace = local.names.metrics.namespace, dimensions = local.deployment
        # The sweep says it once a day.
        statistic = "Maximum", above = 0, minutes = 24 * 60
        means     = "The sweep found parts that some region's KMS has not wrapped: should that region be left alone, it cannot read them."
      }
      sweep-mended = {
        metric    = "SweepMended", namespace = local.names.metrics.namespace, dimensions = local.deployment
        statistic = "Sum", above = 0, minutes = 24 * 60
        means     = "The sweep found and mended what streams and queues have lost, or what was changed by hand: look for the cause."
      }
      sweep-unhandled = {
        metric    = "SweepUnhandled", namespace = local.names.metrics.namespace, dimensions = local.deployment
        statistic = "Sum", above = 0, minutes = 24 * 60
        means     = "The sweep found items that cannot be read or that a region refuses: its log names whose, and they are not compared until mended."
      }
      sweep-age = {
        metric = "SweepAge", namespace = local.names.metrics.namespace, dimensions = local.deployment
        # A pass a day; the first one of a large deployment takes some hours.
        statistic = "Minimum", above = 3 * 24 * 3600 * 1000, minutes = 24 * 60
        means     = "The region was not compared with one of its peers for three days."
      }
      key-errors = {
        metric    = "KeyErrors", namespace = local.names.metrics.namespace, dimensions = local.deployment
        statistic = "Sum", above = var.alarms.key_errors, minutes = 5
        means     = "Calls to a KMS failed, of this region or of a peer."
      }
      uncounted-logins = {
        metric    = "UncountedLogins", namespace = local.names.metrics.namespace, dimensions = local.deployment
        statistic = "Sum", above = 0, minutes = 5
        means     = "Attempts to log in could not be counted: while that lasts, passwords can be guessed without a wait."
      }
      credential-stuffing = {
        metric    = "StuffingClients", namespace = local.names.metrics.namespace, dimensions = local.deployment
        statistic = "Sum", above = var.alarms.stuffing_clients, minutes = 60
        means     = "Logins with many identifiers failed from each of several clients: somebody tries passwords of elsewhere."
      }
      parked = {
        metric    = "ApproximateNumberOfMessagesVisible", namespace = "AWS/SQS", dimensions = { QueueName = "${var.prefix}-${local.names.queues.parked}" }
        statistic = "Maximum", above = 0, minutes = 5
        means     = "Records or messages that nobody can handle wait for an operator."
      }
      iterator-age = {
        metric    = "IteratorAge", namespace = "AWS/Lambda", dimensions = { FunctionName = local.function_name["replicator"] }
        statistic = "Maximum", above = var.alarms.iterator_age_secs * 1000, minutes = 5
        means     = "The replicator is behind the streams, which forget after 24 hours."
      }
      api-latency = {
        metric    = "Latency", namespace = "AWS/ApiGateway", dimensions = local.api_stage
        statistic = "p99", above = var.alarms.api_latency_p99_millis, minutes = 5
        means     = "The API answers slowly."
      }
    },
    {
      for peer, queue in local.retry_queues : "${queue}-age" => {
        metric    = "ApproximateAgeOfOldestMessage", namespace = "AWS/SQS", dimensions = { QueueName = "${var.prefix}-${queue}" }
        statistic = "Maximum", above = var.alarms.queue_age_secs, minutes = 5
        means     = "Copies have been waiting for ${peer}."
      }
    },
    {
      for peer, queue in local.retry_queues : "${queue}-depth" => {
        metric    = "ApproximateNumberOfMessagesVisible", namespace = "AWS/SQS", dimensions = { QueueName = "${var.prefix}-${queue}" }
        statistic = "Maximum", above = var.alarms.queue_depth, minutes = 5
        means     = "Many copies wait for ${peer}."
      }
    },
    {
      # Their age says nothing, because repairs that wait are sent anew.
      "${local.names.queues.keys}-depth" = {
        metric    = "ApproximateNumberOfMessagesVisible", namespace = "AWS/SQS", dimensions = { QueueName = "${var.prefix}-${local.names.queues.keys}" }
        statistic = "Minimum", above = 0, minutes = 60
        means     = "Data keys have been waiting for an hour to be wrapped by a region that lacks them."
      }
      "${local.names.queues.merges}-depth" = {
        metric    = "ApproximateNumberOfMessagesVisible", namespace = "AWS/SQS", dimensions = { QueueName = "${var.prefix}-${local.names.queues.merges}" }
        statistic = "Minimum", above = 0, minutes = 60
        means     = "Users that two trusted companies say are one person have been waiting for an hour to be merged."
      }
    },
    {
      for queue in concat([for queue in local.queues : "${queue}${local.names.dead_letters}"], keys(aws_sqs_queue.end)) : queue => {
        metric    = "ApproximateNumberOfMessagesVisible", namespace = "AWS/SQS", dimensions = { QueueName = "${var.prefix}-${queue}" }
        statistic = "Maximum", above = 0, minutes = 5
        means     = "Something was given up, and waits for an operator."
      }
    },
    {
      for name in local.names.functions : "${name}-errors" => {
        metric    = "Errors", namespace = "AWS/Lambda", dimensions = { FunctionName = local.function_name[name] }
        statistic = "Sum", above = 0, minutes = 5
        means     = "A function failed."
      }
    },
    {
      for name in local.names.functions : "${name}-throttles" => {
        metric    = "Throttles", namespace = "AWS/Lambda", dimensions = { FunctionName = local.function_name[name] }
        statistic = "Sum", above = 0, minutes = 5
        means     = "A function is not started as often as it is asked for."
      }
    },
    {
      for pair in setproduct(keys(local.names.tables), ["Read", "Write"]) : "${pair[0]}-${lower(pair[1])}-throttles" => {
        metric    = "${pair[1]}ThrottleEvents", namespace = "AWS/DynamoDB", dimensions = { TableName = "${var.prefix}-${pair[0]}" }
        statistic = "Sum", above = 0, minutes = 5
        means     = "DynamoDB refuses requests to a table."
      }
    },
  )

  deployment = { (local.names.metrics.dimension) = var.prefix }
  api_stage  = { ApiId = aws_apigatewayv2_api.this.id, Stage = aws_apigatewayv2_stage.default.name }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name        = "${var.prefix}-${each.key}"
  alarm_description = each.value.means

  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = each.value.minutes * 60
  evaluation_periods  = 1
  # Most of these are not measured while nothing happens.
  treat_missing_data = "notBreaching"

  alarm_actions = [aws_sns_topic.alarms.arn]
  ok_actions    = [aws_sns_topic.alarms.arn]
}

# Few requests make no rate: one refusal in ten at night is no alarm.
resource "aws_cloudwatch_metric_alarm" "api_5xx" {
  alarm_name        = "${var.prefix}-api-5xx"
  alarm_description = "The API fails."

  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.api_5xx_percent
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "rate"
    expression  = "IF(requests >= 20, 100 * failures / requests, 0)"
    label       = "Failures, per cent"
    return_data = true
  }

  metric_query {
    id = "failures"
    metric {
      namespace   = "AWS/ApiGateway"
      metric_name = "5xx"
      dimensions  = local.api_stage
      period      = 300
      stat        = "Sum"
    }
  }

  metric_query {
    id = "requests"
    metric {
      namespace   = "AWS/ApiGateway"
      metric_name = "Count"
      dimensions  = local.api_stage
      period      = 300
      stat        = "Sum"
    }
  }

  alarm_actions = [aws_sns_topic.alarms.arn]
  ok_actions    = [aws_sns_topic.alarms.arn]
}
