# Statements that several functions share.

locals {
  sqs = "arn:${local.partition}:sqs:${var.region}:${local.account}"

  retry_queue_arns = [for queue in values(local.retry_queues) : "${local.sqs}:${var.prefix}-${queue}"]
  merges_queue_arn = "${local.sqs}:${var.prefix}-${local.names.queues.merges}"
  keys_queue_arn   = "${local.sqs}:${var.prefix}-${local.names.queues.keys}"
  parked_queue_arn = "${local.sqs}:${var.prefix}-${local.names.queues.parked}"

  # Peers' data keys: their ARNs are not known here, their tags are.
  peer_keys        = [for peer in local.peers : "arn:${local.partition}:kms:${peer}:${local.account}:key/*"]
  only_data_keys   = { StringEquals = { for tag, value in local.data_key_tags : "aws:ResourceTag/${tag}" => value } }
  own_data_key_arn = aws_kms_key.data.arn

  common_statements = {
    for name in local.names.functions : name => concat([
      {
        Sid      = "ReadSettings"
        Action   = ["dynamodb:GetItem"]
        Resource = [local.own_table["settings"]]
      },
      {
        Sid      = "WriteOwnLog"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:${local.partition}:logs:${var.region}:${local.account}:log-group:/aws/lambda/${local.function_name[name]}:*"]
      },
      ], [
      # X-Ray knows no resources.
      for _ in range(var.tracing ? 1 : 0) : {
        Sid      = "SendTraces"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = ["*"]
      }
    ])
  }

  # Applying a part in a peer region (`store/src/apply.rs`): its item, the claims that change with it, the conflicts
  # that this shows, and wrapped keys that the peer's item lacks.
  copy_parts_to_peers = [
    {
      Sid      = "CopyPartsToPeers"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      Resource = local.peer_table["users"]
    },
    {
      Sid      = "ChangeClaimsAtPeers"
      Action   = ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = local.peer_table["identifiers"]
    },
    {
      Sid      = "ChangeMembersAtPeers"
      Action   = ["dynamodb:DeleteItem", "dynamodb:PutItem"]
      Resource = local.peer_table["members"]
    },
    {
      Sid      = "JournalConflictsAtPeers"
      Action   = ["dynamodb:UpdateItem"]
      Resource = local.peer_table["journal"]
    },
  ]

  # Appending rows in a peer region, and confirming in the own one that a peer holds an erasure.
  copy_rows_to_peers = [
    {
      Sid      = "AppendRowsAtPeers"
      Action   = ["dynamodb:PutItem"]
      Resource = flatten([for log in local.logs : local.peer_table[log]])
    },
    {
      Sid      = "ConfirmErasuresOfPeers"
      Action   = ["dynamodb:PutItem"]
      Resource = length(local.peers) > 0 ? [local.own_table["receipts"]] : []
    },
  ]

  # Copying versioned items, which version is there, and what is deleted with an erased user: in peer regions and in the own.
  copy_items = [
    for _ in range(length(local.items) > 0 ? 1 : 0) : {
      Sid      = "CopyItemsAndDeleteThemWithTheirUser"
      Action   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = flatten([for table in local.items : concat([local.own_table[table]], local.peer_table[table])])
    }
  ]

  # What a reconciler does with the messages of its queues: takes them, deletes them, puts them back for later, and
  # replaces them by fresh ones before they become dead letters.
  drain_actions = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage"]

  park = {
    Sid      = "ParkWhatNobodyCanHandle"
    Action   = ["sqs:SendMessage"]
    Resource = [local.parked_queue_arn]
  }
}
