# The replicator cannot decrypt the items that it replicates, because it has no permission on data keys.

locals {
  policy_replicator = concat(
    [
      merge(local.read_streams, {
        Resource = [for name in keys(local.streams) : "${local.own_table[name]}/stream/*"]
      }),
      local.note_given_up,
      {
        Sid      = "QueueWhatAPeerDidNotTake"
        Action   = ["sqs:SendMessage"]
        Resource = local.retry_queue_arns
      },
      {
        Sid      = "ListMissingWrappedKeys"
        Action   = ["sqs:SendMessage"]
        Resource = [local.keys_queue_arn, local.merges_queue_arn]
      },
      local.quarantine,
    ],
    local.replicate_parts_to_peers,
    local.replicate_rows_to_peers,
    local.replicate_items,
  )
}
