# Statements that several functions share.

locals {
  sqs = "arn:${local.partition}:sqs:${var.region}:${local.account}"

  retry_queue_arns      = [for queue in values(local.retry_queues) : "${local.sqs}:${var.prefix}-${queue}"]
  merges_queue_arn      = "${local.sqs}:${var.prefix}-${local.names.queues.merges}"
  keys_queue_arn        = "${local.sqs}:${var.prefix}-${local.names.queues.keys}"
  quarantined_queue_arn = "${local.sqs}:${var.prefix}-${local.names.queues.quarantined}"

  # Peers' data keys, by their tags, because their ARNs are not known here.
  peer_keys        = [for peer in local.peers : "arn:${local.partition}:kms:${peer}:${local.account}:key/*"]
  only_data_keys   = { StringEquals = { for tag, value in local.data_key_tags : "aws:ResourceTag/${tag}" => value } }
  own_data_key_arn = aws_kms_key.data.arn
  only_proof_keys  = { StringEquals = { for tag, value in local.proof_key_tags : "aws:ResourceTag/${tag}" => value } }

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
      {
        Sid      = "VerifyItems"
        Action   = ["kms:Decrypt"]
        Resource = [aws_kms_key.proof.arn]
      },
      ], [
      # While the own KMS is unavailable.
      for _ in range(length(local.peers) > 0 ? 1 : 0) : {
        Sid       = "VerifyItemsByPeers"
        Action    = ["kms:Decrypt"]
        Resource  = local.peer_keys
        Condition = local.only_proof_keys
      }
      ], [
      # X-Ray does not support resources.
      for _ in range(var.tracing ? 1 : 0) : {
        Sid      = "SendTraces"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = ["*"]
      }
    ])
  }

  # Matching, registering, changing, suspending and erasing people of a company, and ending what they had signed in to.
  write_people = concat([local.know_companies], module.people.statements, [local.keep_access], local.ring_for_systems)

  know_companies = {
    Sid      = "KnowCompanies"
    Action   = ["dynamodb:GetItem"]
    Resource = [local.own_table["companies"]]
  }

  keep_access = {
    # Sessions, consents, subjects and families: `oidc` begins and ends them, and who changes a password, disables or erases ends them.
    # DeleteItem: those of a user who is erased at that moment.
    Sid      = "KeepWhatPersonsMayDo"
    Action   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
    Resource = [local.own_table["access"]]
  }

  count_attempts = {
    # A count is replaced or increased; it is deleted after a successful login.
    Sid      = "CountAttempts"
    Action   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    Resource = [local.own_table["attempts"]]
  }

  # Only if the deployment sends mail. SES checks the identity of the address, or else that of its domain.
  send_mail = [
    for from in [var.mail_from] : {
      Sid       = "SendMail"
      Action    = ["ses:SendEmail"]
      Resource  = [for name in [from, split("@", from)[1]] : "arn:${local.partition}:ses:${var.region}:${local.account}:identity/${name}"]
      Condition = { StringEquals = { "ses:FromAddress" = from } }
    } if from != null
  ]

  # What Lambda does for the mapping of a stream.
  read_streams = {
    Sid    = "ReadStreams"
    Action = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
  }
  note_given_up = {
    Sid      = "NoteWhatWasGivenUp"
    Action   = ["sqs:SendMessage"]
    Resource = ["${local.sqs}:${var.prefix}-stream-failures"]
  }

  # Applying a part in a peer region (`store/src/apply.rs`): its item, the ownerships that change with it, the conflicts
  # that it reveals, and wrapped keys that the peer's item lacks.
  replicate_parts_to_peers = [
    {
      Sid      = "ReplicatePartsToPeers"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      Resource = local.peer_table["users"]
    },
    {
      Sid      = "ChangeIdentifiersAtPeers"
      Action   = ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = local.peer_table["identifiers"]
    },
    {
      Sid      = "ChangeLinkedAccountsAtPeers"
      Action   = ["dynamodb:DeleteItem", "dynamodb:PutItem"]
      Resource = local.peer_table["linked_accounts"]
    },
    {
      Sid      = "JournalConflictsAtPeers"
      Action   = ["dynamodb:UpdateItem"]
      Resource = local.peer_table["journal"]
    },
  ]

  # Appending rows in a peer region, and confirming in the own region that a peer has an erasure. GetItem: whether a row
  # that is already there can be verified.
  replicate_rows_to_peers = [
    {
      Sid      = "AppendRowsAtPeers"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = flatten([for log in local.logs : local.peer_table[log]])
    },
    {
      Sid      = "ConfirmErasuresOfPeers"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = length(local.peers) > 0 ? [local.own_table["receipts"]] : []
    },
  ]

  # Replicating versioned items, reading their versions, and deleting items of an erased user, in peer regions and the own.
  replicate_items = [
    for _ in range(length(local.items) > 0 ? 1 : 0) : {
      Sid      = "ReplicateItemsAndDeleteThemWithTheirUser"
      Action   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = flatten([for table in local.items : concat([local.own_table[table]], local.peer_table[table])])
    }
  ]

  # Messages of a reconciler's queues: it receives, deletes and delays them, and replaces them by new ones before they
  # become dead letters.
  drain_actions = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage"]

  quarantine = {
    Sid      = "QuarantineUnreadableRecords"
    Action   = ["sqs:SendMessage"]
    Resource = [local.quarantined_queue_arn]
  }
}

module "people" {
  source = "../people"

  table             = local.own_table
  data_key          = local.own_data_key_arn
  peer_keys         = local.peer_keys
  only_data_keys    = local.only_data_keys
  merges_and_erases = true
}
