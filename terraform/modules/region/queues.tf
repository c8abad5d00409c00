# A retry queue for each peer, so that a day's outage of one peer does not fill the queue of another; a queue for key
# repairs; one for pairs of users that may be one person; one for events of sources that wait in the inbox; one for foreign
# systems at which something is due; and one for records and messages that no function can process. Each has a dead-letter queue. Messages contain keys of items, never
# values, so the encryption by SQS is enough. What belongs to the topic of accepted events is encrypted by the key at rest:
# an operator subscribes queues of others to that topic, and one key then decides who reads it.

locals {
  retry_queues = { for peer in local.peers : peer => "${local.names.queues.retry}-${peer}" }
  queues       = concat(values(local.retry_queues), [local.names.queues.keys, local.names.queues.merges, local.names.queues.ingest, local.names.queues.deliver, local.names.queues.quarantined])

  # Encrypted by the key at rest.
  keyed_queues = [local.names.queues.ingest, "topic-failures"]

  # Lambda receives the messages for the workers. A message of a worker that was killed comes back after six time-outs, as
  # Lambda's documentation advises.
  visibility_secs = {
    (local.names.queues.ingest)  = 6 * var.functions.ingest_worker.timeout
    (local.names.queues.deliver) = 6 * var.functions.deliver.timeout
  }

  # The longest retention of SQS. Messages for an unavailable peer are not received, so they never become dead letters
  # by too many receives: SQS deletes them after the retention time.
  retention_secs = 14 * 24 * 3600

  # The reconcilers replace a message after 4 receives, so waiting for a region makes no dead letters. They do not replace
  # messages that fail for good or that only a newer version can read. With their growing delays, 20 receives take about
  # three hours, longer than an upgrade of all functions should take.
  max_receives = 20

  # The URL of every queue without its last segment.
  queues_url = trimsuffix(aws_sqs_queue.this[local.names.queues.keys].url, "/${var.prefix}-${local.names.queues.keys}")
}

resource "aws_sqs_queue" "this" {
  for_each = toset(local.queues)

  name                       = "${var.prefix}-${each.key}"
  message_retention_seconds  = local.retention_secs
  visibility_timeout_seconds = lookup(local.visibility_secs, each.key, 60)
  sqs_managed_sse_enabled    = contains(local.keyed_queues, each.key) ? null : true
  kms_master_key_id          = contains(local.keyed_queues, each.key) ? aws_kms_key.rest.arn : null

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[each.key].arn
    maxReceiveCount     = local.max_receives
  })
}

resource "aws_sqs_queue" "dead" {
  for_each = toset(local.queues)

  name                      = "${var.prefix}-${each.key}${local.names.dead_letters}"
  message_retention_seconds = local.retention_secs
  sqs_managed_sse_enabled   = contains(local.keyed_queues, each.key) ? null : true
  kms_master_key_id         = contains(local.keyed_queues, each.key) ? aws_kms_key.rest.arn : null
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  for_each = toset(local.queues)

  queue_url = aws_sqs_queue.dead[each.key].id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this[each.key].arn]
  })
}

# Queues that name the stream records that Lambda gave up, the schedules that could not start their function, and the
# accepted events whose message the topic could not deliver. They are ends and have no dead-letter queue.
resource "aws_sqs_queue" "end" {
  for_each = toset(["stream-failures", "schedule-failures", "topic-failures"])

  name                      = "${var.prefix}-${each.key}"
  message_retention_seconds = local.retention_secs
  sqs_managed_sse_enabled   = contains(local.keyed_queues, each.key) ? null : true
  kms_master_key_id         = contains(local.keyed_queues, each.key) ? aws_kms_key.rest.arn : null
}
