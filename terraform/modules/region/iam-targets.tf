# `deliver` opens the profile parts of users and no credentials, writes no user, and reaches no peer but its keys. Which
# systems it calls, operators say in the settings. `reconcile-targets` only looks for what is due.

locals {
  deliver_queue_arn = "${local.sqs}:${var.prefix}-${local.names.queues.deliver}"

  # A part's data key is wrapped with the name of its part. The deployment's secrets are wrapped without one.
  not_credentials = { StringNotEquals = { "kms:EncryptionContext:umoja:part" = "credentials" } }

  # Webhooks, targets, and what is due at them.
  know_systems = {
    Sid      = "KnowSystems"
    Action   = ["dynamodb:Scan"]
    Resource = [local.own_table["settings"]]
  }

  ring_for_systems = [
    {
      # A row is written with one that has its time in its key; both are replaced or deleted together.
      Sid      = "RingForSystems"
      Action   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = [local.own_table["due"]]
    },
    {
      Sid      = "WakeDeliveries"
      Action   = ["sqs:SendMessage"]
      Resource = [local.deliver_queue_arn]
    },
  ]

  policy_deliver = [
    {
      # GetQueueAttributes: the mapping of the queue. SendMessage: what is due again soon, or not done in time.
      Sid      = "ReceiveRings"
      Action   = concat(local.drain_actions, ["sqs:GetQueueAttributes"])
      Resource = [local.deliver_queue_arn]
    },
    local.know_systems,
    local.know_companies,
    {
      Sid      = "SettleWhatIsDue"
      Action   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = [local.own_table["due"]]
    },
    {
      # Turns, positions of webhooks, and counts of removals.
      Sid      = "KeepHowFarSystemsAre"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = [local.own_table["checkpoints"]]
    },
    {
      Sid      = "ReadEvents"
      Action   = ["dynamodb:GetItem", "dynamodb:Query"]
      Resource = [local.own_table["events"]]
    },
    {
      Sid      = "ReadUsers"
      Action   = ["dynamodb:GetItem", "dynamodb:Query"]
      Resource = [local.own_table["users"]]
    },
    {
      Sid      = "ReadLinkedAccounts"
      Action   = ["dynamodb:Query"]
      Resource = [local.own_table["linked_accounts"]]
    },
    {
      # The clients that got tokens in a session that has ended.
      Sid      = "ReadSessions"
      Action   = ["dynamodb:Query"]
      Resource = [local.own_table["access"]]
    },
    {
      # Scan: how many accounts a target has, before one is removed.
      Sid      = "KeepAccountsOfTargets"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan"]
      Resource = [local.own_table["target_accounts"]]
    },
    {
      Sid      = "ConfirmErasuresOfTargets"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = [local.own_table["receipts"]]
    },
    {
      Sid       = "OpenDataKeysOfProfiles"
      Action    = ["kms:Decrypt"]
      Resource  = [local.own_data_key_arn]
      Condition = local.not_credentials
    },
    {
      # While the own KMS is unavailable.
      Sid       = "OpenDataKeysOfProfilesByPeers"
      Action    = ["kms:Decrypt"]
      Resource  = local.peer_keys
      Condition = merge(local.only_data_keys, local.not_credentials)
    },
    local.quarantine,
  ]

  policy_reconcile_targets = [
    local.know_systems,
    {
      Sid      = "FindWhatIsDue"
      Action   = ["dynamodb:GetItem", "dynamodb:Query"]
      Resource = [local.own_table["due"]]
    },
    {
      # How far webhooks are.
      Sid      = "ReadPositions"
      Action   = ["dynamodb:GetItem"]
      Resource = [local.own_table["checkpoints"]]
    },
    {
      Sid      = "ReadEvents"
      Action   = ["dynamodb:Query"]
      Resource = [local.own_table["events"]]
    },
    {
      Sid      = "WakeDeliveries"
      Action   = ["sqs:SendMessage"]
      Resource = [local.deliver_queue_arn]
    },
  ]
}
