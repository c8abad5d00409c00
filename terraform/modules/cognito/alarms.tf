# Users whom only the pool or only the store has. A comparison repairs that, so the next one finds none; if it does, the
# triggers fail again and again.

resource "aws_cloudwatch_metric_alarm" "ghosts" {
  for_each = var.alarm_topic == null ? toset([]) : toset(["OnlyInPool", "OnlyInStore"])

  alarm_name          = "${var.prefix}-${each.key}"
  alarm_description   = "Umoja: comparisons of the user pool with the store keep finding users whom only one of them has"
  namespace           = local.names.metrics.namespace
  metric_name         = each.key
  dimensions          = { (local.names.metrics.dimension) = var.prefix }
  statistic           = "Minimum"
  period              = 10800
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic]
}

# A trigger that is throttled rejects a sign-up or a login.
resource "aws_cloudwatch_metric_alarm" "throttles" {
  count = var.alarm_topic == null ? 0 : 1

  alarm_name          = "${var.prefix}-cognito-throttles"
  alarm_description   = "Umoja: the triggers of the user pool are throttled, so sign-ups and logins fail"
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = local.function_name["cognito"] }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic]
}
