# The alarms for the operator. Every alarm goes to one topic of the region.

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
  # Each alarm: its metric, its threshold, its period in minutes, and its meaning.
  alarms = merge(
    {
      replication-lag = {
        metric    = "ReplicationLag", namespace = local.names.metrics.namespace, dimensions = local.deployment
        statistic = "p99", above = var.alarms.replication_lag_p99_millis, minutes = 5
        means     = "Replicated items reach the peers late."
      }
      missing-wrapped-keys = {
        metric = "MissingWrappedKeys", namespace = local.names.metrics.namespace, dimensions = local.deployment
        # Anti-entropy reports it once a day.
        statistic = "Maximum", above = 0, minutes = 24 * 60
        means     = "Anti-entropy found parts without a wrapped key of some region: if every other region fails, that region cannot read them."
      }
      anti-entropy-repairs = {
        metric    = "AntiEntropyRepairs", namespace = local.names.metrics.namespace, dimensions = local.deployment
        statistic = "Sum", above = 0, minutes = 24 * 60
        means     = "Anti-entropy found and repaired items that streams and queues lost or that were changed by hand: look for the cause."
      }
      anti-entropy-unrepaired = {
        metric    = "AntiEntropyUnrepaired", namespace = local.names.metrics.namespace, dimensions = local.deployment
        statistic = "Sum", above = 0, minutes = 24 * 60
        means     = "Anti-entropy found items that it cannot read or that a region rejects: its log names their users. Until they are repaired, they are not compared."
      }
      anti-entropy-age = {
        metric = "AntiEntropyAge", namespace = local.names.metrics.namespace, dimensions = local.deployment
        # A pass a day; the first one of a large deployment takes some hours.
        statistic = "Minimum", above = 3 * 24 * 3600 * 1000, minutes = 24 * 60
        means     = "The region was not compared with one of its peers for three days."
      }
      kms-errors = {
        metric    = "KmsErrors", namespace = local.names.metrics.namespace, dimensions = local.deployment
        statistic = "Sum", above = var.alarms.kms_errors, minutes = 5
        means     = "Calls to the KMS of this region or of a peer failed."
      }
      uncounted-logins = {
        metric    = "UncountedLogins", namespace = local.names.metrics.namespace, dimensions = local.deployment
        statistic = "Sum", above = 0, minutes = 5
        means     = "Login attempts could not be counted: until that ends, passwords can be guessed without a wait."
      }
      credential-stuffing = {
        metric    = "StuffingClients", namespace = local.names.metrics.namespace, dimensions = local.deployment
        statistic = "Sum", above = var.alarms.stuffing_clients, minutes = 60
        means     = "Logins with many identifiers failed from each of several clients: an attacker may be trying stolen passwords."
      }
      quarantined = {
        metric    = "ApproximateNumberOfMessagesVisible", namespace = "AWS/SQS", dimensions = { QueueName = "${var.prefix}-${local.names.queues.quarantined}" }
        statistic = "Maximum", above = 0, minutes = 5
        means     = "Records or messages that no function can process wait for an operator."
      }
      parked-events = {
        metric    = "ParkedEvents", namespace = local.names.metrics.namespace, dimensions = local.deployment
        statistic = "Sum", above = 0, minutes = 5
        means     = "Events of sources cannot be applied and are parked: `umoja source list` says why."
      }
      waiting-events = {
        metric = "OldestWaitingEvent", namespace = local.names.metrics.namespace, dimensions = local.deployment
        # The worker's schedule reports it.
        statistic = "Maximum", above = var.alarms.event_age_secs * 1000, minutes = 10
        means     = "An event of a source that is not paused was accepted and has not been applied: the worker fails, or the home region of the source is out."
      }
      oldest-due = {
        metric = "OldestDue", namespace = local.names.metrics.namespace, dimensions = local.deployment
        # The schedule reports it.
        statistic = "Maximum", above = var.alarms.delivery_age_secs * 1000, minutes = 5
        means     = "An account has been due at a target for long: the target is out, or slower than what changes. `umoja target list` says why."
      }
      oldest-webhook-event = {
        metric = "OldestWebhookEvent", namespace = local.names.metrics.namespace, dimensions = local.deployment
        # The schedule reports it.
        statistic = "Maximum", above = var.alarms.delivery_age_secs * 1000, minutes = 5
        means     = "An event has been waiting for long for a webhook to accept it: `umoja webhook list` says why."
      }
      failed-webhook-events = {
        metric    = "FailedWebhookEvents", namespace = local.names.metrics.namespace, dimensions = local.deployment
        statistic = "Sum", above = 0, minutes = 5
        means     = "A webhook did not accept events for three days. They wait for `umoja webhook redrive`."
      }
      oldest-logout-notice = {
        metric = "OldestLogoutNotice", namespace = local.names.metrics.namespace, dimensions = local.deployment
        # The schedule reports it.
        statistic = "Maximum", above = var.alarms.delivery_age_secs * 1000, minutes = 5
        means     = "A client has not taken the notice of a logout for long: its back-channel logout URI does not answer, or deliver fails."
      }
      given-up-logout-notices = {
        metric    = "GivenUpLogoutNotices", namespace = local.names.metrics.namespace, dimensions = local.deployment
        statistic = "Sum", above = 0, minutes = 5
        means     = "Clients reject notices of logouts, or have not taken one for three days. They may keep sessions open that have ended; the log of deliver names them."
      }
      held-removals = {
        metric    = "HeldRemovals", namespace = local.names.metrics.namespace, dimensions = local.deployment
        statistic = "Sum", above = 0, minutes = 5
        means     = "Too many accounts would be removed at a target, and removals are held. Look at them, then `umoja target resume ID --removals`."
      }
      target-conflicts = {
        metric    = "TargetConflicts", namespace = local.names.metrics.namespace, dimensions = local.deployment
        statistic = "Sum", above = 0, minutes = 60
        means     = "A target has an account with the values of a user that was not made for the user: `umoja target list --failed` names them."
      }
      iterator-age = {
        metric    = "IteratorAge", namespace = "AWS/Lambda", dimensions = { FunctionName = local.function_name["replicator"] }
        statistic = "Maximum", above = var.alarms.iterator_age_secs * 1000, minutes = 5
        means     = "The replicator is behind the streams, which drop records after 24 hours."
      }
      feed-age = {
        metric    = "IteratorAge", namespace = "AWS/Lambda", dimensions = { FunctionName = local.function_name["feed"] }
        statistic = "Maximum", above = var.alarms.iterator_age_secs * 1000, minutes = 5
        means     = "Events for companies are made late. A change makes none once its record is dropped from the stream, after 24 hours."
      }
      api-latency = {
        metric    = "Latency", namespace = "AWS/ApiGateway", dimensions = local.api_stage
        statistic = "p99", above = var.alarms.api_latency_p99_millis, minutes = 5
        means     = "The API answers slowly."
      }
      oidc-latency = {
        metric    = "Latency", namespace = "AWS/ApiGateway", dimensions = local.oidc_api
        statistic = "p99", above = var.alarms.api_latency_p99_millis, minutes = 5
        means     = "Single sign-on answers slowly."
      }
    },
    {
      for peer, queue in local.retry_queues : "${queue}-age" => {
        metric    = "ApproximateAgeOfOldestMessage", namespace = "AWS/SQS", dimensions = { QueueName = "${var.prefix}-${queue}" }
        statistic = "Maximum", above = var.alarms.queue_age_secs, minutes = 5
        means     = "Changes have been waiting for ${peer}."
      }
    },
    {
      for peer, queue in local.retry_queues : "${queue}-depth" => {
        metric    = "ApproximateNumberOfMessagesVisible", namespace = "AWS/SQS", dimensions = { QueueName = "${var.prefix}-${queue}" }
        statistic = "Maximum", above = var.alarms.queue_depth, minutes = 5
        means     = "Many changes wait for ${peer}."
      }
    },
    {
      # The age of these messages means nothing, because waiting repairs are sent again.
      "${local.names.queues.keys}-depth" = {
        metric    = "ApproximateNumberOfMessagesVisible", namespace = "AWS/SQS", dimensions = { QueueName = "${var.prefix}-${local.names.queues.keys}" }
        statistic = "Minimum", above = 0, minutes = 60
        means     = "For an hour, data keys have been waiting to be wrapped for a region that lacks them."
      }
      "${local.names.queues.merges}-depth" = {
        metric    = "ApproximateNumberOfMessagesVisible", namespace = "AWS/SQS", dimensions = { QueueName = "${var.prefix}-${local.names.queues.merges}" }
        statistic = "Minimum", above = 0, minutes = 60
        means     = "For an hour, users whom two trusted companies verified as one person have been waiting to be merged."
      }
    },
    {
      for queue in concat([for queue in local.queues : "${queue}${local.names.dead_letters}"], keys(aws_sqs_queue.end)) : queue => {
        metric    = "ApproximateNumberOfMessagesVisible", namespace = "AWS/SQS", dimensions = { QueueName = "${var.prefix}-${queue}" }
        statistic = "Maximum", above = 0, minutes = 5
        means     = "A record, message or schedule was given up and waits for an operator."
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
        means     = "Lambda throttles a function."
      }
    },
    {
      for pair in setproduct(keys(local.names.tables), ["Read", "Write"]) : "${pair[0]}-${lower(pair[1])}-throttles" => {
        metric    = "${pair[1]}ThrottleEvents", namespace = "AWS/DynamoDB", dimensions = { TableName = "${var.prefix}-${pair[0]}" }
        statistic = "Sum", above = 0, minutes = 5
        means     = "DynamoDB rejects requests to a table."
      }
    },
  )

  deployment = { (local.names.metrics.dimension) = var.prefix }
  api_stage  = { ApiId = aws_apigatewayv2_api.this.id, Stage = aws_apigatewayv2_stage.default.name }
  oidc_api   = { ApiName = aws_api_gateway_rest_api.oidc.name }

  # The gateways in front of what companies and persons wait for. The metrics of the two kinds have different names.
  watched_gateways = {
    api  = { dimensions = local.api_stage, failures = "5xx", means = "The API answers too many requests with 5xx." }
    oidc = { dimensions = local.oidc_api, failures = "5XXError", means = "Single sign-on answers too many requests with 5xx." }
  }
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
  # Most of these metrics have no data while the region is idle.
  treat_missing_data = "notBreaching"

  alarm_actions = [aws_sns_topic.alarms.arn]
  ok_actions    = [aws_sns_topic.alarms.arn]
}

# A few requests make no meaningful rate: one failure in ten requests at night raises no alarm.
resource "aws_cloudwatch_metric_alarm" "failures" {
  for_each = local.watched_gateways

  alarm_name        = "${var.prefix}-${each.key}-5xx"
  alarm_description = each.value.means

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
      metric_name = each.value.failures
      dimensions  = each.value.dimensions
      period      = 300
      stat        = "Sum"
    }
  }

  metric_query {
    id = "requests"
    metric {
      namespace   = "AWS/ApiGateway"
      metric_name = "Count"
      dimensions  = each.value.dimensions
      period      = 300
      stat        = "Sum"
    }
  }

  alarm_actions = [aws_sns_topic.alarms.arn]
  ok_actions    = [aws_sns_topic.alarms.arn]
}

moved {
  from = aws_cloudwatch_metric_alarm.api_5xx
  to   = aws_cloudwatch_metric_alarm.failures["api"]
}
