# The mappings from every table with a stream to the replicator, and from those that the feed reads to the feed. A shard of a
# stream serves two readers, so that no third one can be added.

locals {
  streams = { for name, table in local.names.tables : name => aws_dynamodb_table.this[name].stream_arn if table.stream }
  fed     = { for name, stream in local.streams : name => stream if try(local.names.tables[name].fed, false) }

  # Only this region's writes: items replicated from another region do not start a function. A deletion has no new image.
  own_writes = jsonencode({
    dynamodb = { NewImage = { (local.names.origin) = { S = [var.region] } } }
  })

  # Erasures of other regions too: a tombstone has a version that begins with 1. The feed reports them to companies that only
  # this region had linked.
  erasures = jsonencode({
    dynamodb = { NewImage = { (local.names.version) = { S = [{ prefix = "1-" }] } } }
  })
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

  filter_criteria {
    filter {
      pattern = local.own_writes
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

resource "aws_lambda_event_source_mapping" "feed" {
  for_each = local.fed

  event_source_arn  = each.value
  function_name     = aws_lambda_function.this["feed"].arn
  starting_position = "TRIM_HORIZON"

  batch_size                         = var.stream.batch_size
  maximum_batching_window_in_seconds = 0
  # Two batches of one shard would take turns at the numbers of a company's events.
  parallelization_factor  = 1
  function_response_types = ["ReportBatchItemFailures"]

  bisect_batch_on_function_error = true
  maximum_retry_attempts         = -1
  maximum_record_age_in_seconds  = var.stream.max_age

  filter_criteria {
    filter {
      pattern = local.own_writes
    }
    filter {
      pattern = local.erasures
    }
  }

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.end["stream-failures"].arn
    }
  }

  depends_on = [aws_iam_role_policy.function]
}
