# The mappings from every table with a stream to the replicator, and from those that the feed reads to the feed. A shard of a
# stream serves two readers, so that no third one can be added.

locals {
  streams = { for name, table in local.names.tables : name => aws_dynamodb_table.this[name].stream_arn if table.stream }
  # Of some tables the feed reads what other regions wrote, and the only region of a deployment has none of that.
  fed = {
    for name, stream in local.streams : name => stream
    if contains(["all", "own", "requests"], try(local.names.tables[name].fed, "")) || (try(local.names.tables[name].fed, "") == "peers" && length(local.peers) > 0)
  }

  # Only this region's writes: items replicated from another region do not start a function. A deletion has no new image.
  own_writes = jsonencode({
    dynamodb = { NewImage = { (local.names.origin) = { S = [var.region] } } }
  })

  # What arrives from other regions: the feed rings for the webhooks and targets whose home the region is.
  peers_writes = jsonencode({
    dynamodb = { NewImage = { (local.names.origin) = { S = local.peers } } }
  })

  # The own region's requests for accounts at targets. Who wrote one also rings, and may be killed before it does.
  own_requests = jsonencode({
    dynamodb = { NewImage = { (local.names.origin) = { S = [var.region] }, (local.names.tables.target_accounts.keys.range_key) = { S = [{ prefix = local.names.requests }] } } }
  })

  # The writes of each table that start the feed. Of users all: a target gets users of any writer, and erasures of other
  # regions are reported to companies that only this region had linked.
  fed_writes = {
    all      = []
    own      = [local.own_writes]
    peers    = [local.peers_writes]
    requests = concat([local.own_requests], length(local.peers) > 0 ? [local.peers_writes] : [])
  }
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

  dynamic "filter_criteria" {
    for_each = length(local.fed_writes[local.names.tables[each.key].fed]) > 0 ? [1] : []
    content {
      dynamic "filter" {
        for_each = local.fed_writes[local.names.tables[each.key].fed]
        content {
          pattern = filter.value
        }
      }
    }
  }

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.end["stream-failures"].arn
    }
  }

  depends_on = [aws_iam_role_policy.function]
}
