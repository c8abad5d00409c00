# A failed run is not retried, because the next run follows and the event contains no data. Scheduler reports the runs
# that it could not pass to Lambda; runs that Lambda could not start in time count as throttles.

locals {
  scheduled = {
    "reconcile-writes"  = var.schedules.reconcile_writes
    "reconcile-keys"    = var.schedules.reconcile_keys
    "reconcile-merges"  = var.schedules.reconcile_merges
    "reconcile-targets" = var.schedules.reconcile_targets
    "anti-entropy"      = var.schedules.anti_entropy
    "ingest-worker"     = var.schedules.ingest_worker
  }
}

resource "aws_scheduler_schedule_group" "this" {
  name = var.prefix
}

resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:A schedule contains a time, the name of a function and an empty object.

  for_each = local.scheduled

  name                = local.function_name[each.key]
  group_name          = aws_scheduler_schedule_group.this.name
  description         = "Umoja: starts ${each.key}"
  schedule_expression = each.value
  state               = var.schedules.enabled ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.this[each.key].arn
    role_arn = aws_iam_role.schedules.arn
    input    = jsonencode({})

    retry_policy {
      maximum_event_age_in_seconds = 60
      maximum_retry_attempts       = 0
    }

    dead_letter_config {
      arn = aws_sqs_queue.end["schedule-failures"].arn
    }
  }

  depends_on = [aws_iam_role_policy.schedules]
}

# By default Lambda retries a failed run twice, at the time of the next runs.
resource "aws_lambda_function_event_invoke_config" "scheduled" {
  for_each = local.scheduled

  function_name                = aws_lambda_function.this[each.key].function_name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 60
}
