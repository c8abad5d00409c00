# A retry queue for each peer, so that a day's outage of one fills no other's; the repair of wrapped keys; pairs of
# users that may be one person; what nobody can handle. Each has a queue for its dead letters. Messages carry keys of items, never values, so SQS's own
# encryption is enough.

locals {
  retry_queues = { for peer in local.peers : peer => "${local.names.queues.retry}-${peer}" }
  queues       = concat(values(local.retry_queues), [local.names.queues.keys, local.names.queues.merges, local.names.queues.parked])

  # As long as SQS keeps messages. Those of a peer that is out are left alone, so they are not received too often and
  # never become dead letters: SQS would delete them at their age.
  retention_secs = 14 * 24 * 3600

  # The reconcilers replace a message after 4 receives, so waiting for a region makes no dead letters. What they do not
  # replace is what fails for good, and messages that only a newer version can read: with their growing delays 20
  # receives are about three hours, longer than an upgrade of all functions should take.
  max_receives = 20

  # Every queue's URL but for its last segment.
  queues_url = trimsuffix(aws_sqs_queue.this[local.names.queues.keys].url, "/${var.prefix}-${local.names.queues.keys}")
}

resource "aws_sqs_queue" "this" {
  for_each = toset(local.queues)

  name                       = "${var.prefix}-${each.key}"
  message_retention_seconds  = local.retention_secs
  visibility_timeout_seconds = 60
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[each.key].arn
    maxReceiveCount     = local.max_receives
  })
}

resource "aws_sqs_queue" "dead" {
  for_each = toset(local.queues)

  name                      = "${var.prefix}-${each.key}${local.names.dead_letters}"
  message_retention_seconds = local.retention_secs
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  for_each = toset(local.queues)

  queue_url = aws_sqs_queue.dead[each.key].id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this[each.key].arn]
  })
}

# Where records of a stream are named that were given up, and schedules that could not start their function. Both are
# ends, and have no dead letters of their own.
resource "aws_sqs_queue" "end" {
  for_each = toset(["stream-failures", "schedule-failures"])

  name                      = "${var.prefix}-${each.key}"
  message_retention_seconds = local.retention_secs
  sqs_managed_sse_enabled   = true
}
