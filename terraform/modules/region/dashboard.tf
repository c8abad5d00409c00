locals {
  # Rows of widgets, three in a row of 24 columns. Each widget: a title, metrics in CloudWatch's format, and a statistic.
  widgets = [
    { title = "Requests", stat = "Sum", metrics = [for name in ["Count", "4xx", "5xx"] : ["AWS/ApiGateway", name, "ApiId", aws_apigatewayv2_api.this.id, "Stage", "$default"]] },
    { title = "Latency, p50 and p99", stat = "p99", metrics = [for stat in ["p50", "p99"] : ["AWS/ApiGateway", "Latency", "ApiId", aws_apigatewayv2_api.this.id, "Stage", "$default", { stat = stat }]] },
    { title = "Single sign-on", stat = "Sum", metrics = [for name in ["Count", "4XXError", "5XXError"] : ["AWS/ApiGateway", name, "ApiName", aws_api_gateway_rest_api.oidc.name]] },
    { title = "Latency of single sign-on, p50 and p99", stat = "p99", metrics = [for stat in ["p50", "p99"] : ["AWS/ApiGateway", "Latency", "ApiName", aws_api_gateway_rest_api.oidc.name, { stat = stat }]] },
    { title = "Replication lag, p50 and p99", stat = "p99", metrics = [for stat in ["p50", "p99"] : [local.names.metrics.namespace, "ReplicationLag", local.names.metrics.dimension, var.prefix, { stat = stat }]] },
    { title = "Replication", stat = "Sum", metrics = [for name in ["ReplicationsSent", "ReplicationsQueued", "Quarantined"] : [local.names.metrics.namespace, name, local.names.metrics.dimension, var.prefix]] },
    { title = "Keys", stat = "Maximum", metrics = [for name in ["MissingWrappedKeys", "KmsErrors"] : [local.names.metrics.namespace, name, local.names.metrics.dimension, var.prefix]] },
    { title = "Age of stream records", stat = "Maximum", metrics = [for name in ["replicator", "feed"] : ["AWS/Lambda", "IteratorAge", "FunctionName", local.function_name[name]]] },
    { title = "Events for companies", stat = "Sum", metrics = [[local.names.metrics.namespace, "EventsMade", local.names.metrics.dimension, var.prefix]] },
    { title = "Webhooks and targets", stat = "Sum", metrics = [for name in ["WebhookDeliveries", "WebhookFailures", "TargetDeliveries", "TargetFailures", "HeldRemovals", "TargetConflicts"] : [local.names.metrics.namespace, name, local.names.metrics.dimension, var.prefix]] },
    { title = "Notices of logouts", stat = "Sum", metrics = [for name in ["LogoutNotices", "LogoutNoticeFailures", "GivenUpLogoutNotices"] : [local.names.metrics.namespace, name, local.names.metrics.dimension, var.prefix]] },
    { title = "Waiting for webhooks, targets and clients", stat = "Maximum", metrics = [for name in ["OldestDue", "OldestWebhookEvent", "OldestLogoutNotice"] : [local.names.metrics.namespace, name, local.names.metrics.dimension, var.prefix]] },
    { title = "Waiting messages", stat = "Maximum", metrics = [for queue in local.queues : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${var.prefix}-${queue}"]] },
    { title = "Age of oldest message", stat = "Maximum", metrics = [for queue in local.queues : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "${var.prefix}-${queue}"]] },
    { title = "Given up", stat = "Maximum", metrics = [for queue in concat([for queue in local.queues : "${queue}${local.names.dead_letters}"], keys(aws_sqs_queue.end)) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${var.prefix}-${queue}"]] },
    { title = "Functions: errors", stat = "Sum", metrics = [for name in local.names.functions : ["AWS/Lambda", "Errors", "FunctionName", local.function_name[name]]] },
    { title = "Functions: duration p99", stat = "p99", metrics = [for name in local.names.functions : ["AWS/Lambda", "Duration", "FunctionName", local.function_name[name]]] },
    { title = "Functions: at a time", stat = "Maximum", metrics = [for name in local.names.functions : ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", local.function_name[name]]] },
    { title = "Tables: written units", stat = "Sum", metrics = [for name in keys(local.names.tables) : ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", "${var.prefix}-${name}"]] },
    { title = "Tables: read units", stat = "Sum", metrics = [for name in keys(local.names.tables) : ["AWS/DynamoDB", "ConsumedReadCapacityUnits", "TableName", "${var.prefix}-${name}"]] },
    { title = "Tables: throttled writes", stat = "Sum", metrics = [for name in keys(local.names.tables) : ["AWS/DynamoDB", "WriteThrottleEvents", "TableName", "${var.prefix}-${name}"]] },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  # Dashboards belong to the account, not to a region.
  dashboard_name = "${var.prefix}-${var.region}"

  dashboard_body = jsonencode({
    widgets = [
      for n, widget in local.widgets : {
        type   = "metric"
        x      = 8 * (n % 3)
        y      = 6 * floor(n / 3)
        width  = 8
        height = 6
        properties = {
          title   = widget.title
          region  = var.region
          view    = "timeSeries"
          period  = 60
          stat    = widget.stat
          metrics = widget.metrics
        }
      }
    ]
  })
}
