# What accepts events cannot open them: `ingest` has no permission on a data key and reads no user. `ingest-worker` and
# `scim` write people as the api does.

locals {
  ingest_queue_arn = "${local.sqs}:${var.prefix}-${local.names.queues.ingest}"
  peer_ingest_arns = [for peer in local.peers : "arn:${local.partition}:sqs:${peer}:${local.account}:${var.prefix}-${local.names.queues.ingest}"]

  policy_ingest = [
    {
      # GetItem: an event that was accepted before.
      Sid      = "KeepEvents"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = [local.own_table["inbox"]]
    },
    {
      Sid      = "RingForEvents"
      Action   = ["sns:Publish"]
      Resource = [local.accepted_topic_arn]
    },
  ]

  policy_ingest_worker = concat(local.write_people, [
    {
      # GetQueueAttributes: the mapping of the queue.
      Sid      = "ReceiveEvents"
      Action   = concat(local.drain_actions, ["sqs:GetQueueAttributes"])
      Resource = [local.ingest_queue_arn]
    },
    {
      # Scan: the schedule looks for events that wait.
      Sid      = "ReadAndSettleEvents"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan"]
      Resource = [local.own_table["inbox"]]
    },
    {
      # Events that this region accepted for a source whose home is a peer.
      Sid      = "PassEventsOnToPeers"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = local.peer_table["inbox"]
    },
    {
      Sid      = "RingForEventsAtPeers"
      Action   = ["sqs:SendMessage"]
      Resource = local.peer_ingest_arns
    },
    local.quarantine,
  ])

  policy_scim = concat(local.write_people, [
    {
      # Scan: the sources of a company, one of which has the token.
      Sid      = "KnowSources"
      Action   = ["dynamodb:Scan"]
      Resource = [local.own_table["settings"]]
    },
    {
      Sid      = "RememberDeletedUsers"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = [local.own_table["inbox"]]
    },
  ])
}
