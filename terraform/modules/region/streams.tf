# The mappings from every table with a stream to the replicator.

locals {
  streams = { for name, table in local.names.tables : name => aws_dynamodb_table.this[name].stream_arn if table.stream }
}

resource "aws_lambda_event_source_mapping" "replicator" {
  for_each = local.streams

  event_source_arn  = each.value
  function_name     = aws_lambda_function.this["replicator"].arn
  starting_position = "TRIM_HORIZON"

  batch_size                         = var.stream.batch_size
  maximum_batching_window_in_seconds = 0
  parallelization_factor             = var.stream.parallelization
  function_response_types            = ["ReportBatchItemFailures"]

  # A failing record is retried until it reaches the greatest age; then its place in the stream is reported.
  bisect_batch_on_function_error = true
  maximum_retry_attempts         = -1
  maximum_record_age_in_seconds  = var.stream.max_age

  # Only this region's writes: items replicated from another region do not start the function. A deletion has no new
  # image.
  filter_criteria {
    filter {
      pattern = jsonencode({
        dynamodb = { NewImage = { (local.names.origin) = { S = [var.region] } } }
      })
    }
  }

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.end["stream-failures"].arn
    }
  }

  # Lambda checks the role's permissions when the mapping is created.
  depends_on = [aws_iam_role_policy.function]
}
