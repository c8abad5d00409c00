# The api reads and writes this region's tables. Of a peer it uses only the data key.

locals {
  policy_api = [
    {
      Sid      = "KnowCompanies"
      Action   = ["dynamodb:GetItem"]
      Resource = [local.own_table["companies"]]
    },
    {
      # GetItem: readiness, and the stored item if another condition of a transaction failed. ConditionCheckItem: conditions
      # on the other users of a person have to hold at the time of the write.
      Sid      = "ReadAndWriteUsers"
      Action   = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = [local.own_table["users"]]
    },
    {
      # GetItem reads one identifier, BatchGetItem several. DeleteItem: an identifier without an owner is deleted.
      Sid      = "ReadAndChangeIdentifiers"
      Action   = ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = [local.own_table["identifiers"]]
    },
    {
      Sid      = "ReadAndChangeLinkedAccounts"
      Action   = ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = [local.own_table["linked_accounts"]]
    },
    {
      # PutItem: the marks that keep an erased person out.
      Sid      = "JournalConflictsAndKeepReceipts"
      Action   = ["dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
      Resource = [local.own_table["journal"], local.own_table["receipts"]]
    },
    {
      # An event follows the last one of its user's chain.
      Sid      = "RecordEvents"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = [local.own_table["audit"]]
    },
    {
      Sid      = "ListEventsForCompanies"
      Action   = ["dynamodb:Query"]
      Resource = [local.own_table["events"]]
    },
    {
      Sid      = "RememberRequests"
      Action   = ["dynamodb:PutItem"]
      Resource = [local.own_table["replays"], local.own_table["idempotency"]]
    },
    {
      # A count is replaced or increased; it is deleted after a successful login.
      Sid      = "CountAttempts"
      Action   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      Resource = [local.own_table["attempts"]]
    },
    {
      Sid      = "MakeAndOpenDataKeys"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = [local.own_data_key_arn]
    },
    {
      # Encrypt: every peer wraps a new data key. The other actions: while the own KMS is unavailable.
      Sid       = "WrapDataKeysByPeersAndUseThemWhileTheOwnIsOut"
      Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
      Resource  = local.peer_keys
      Condition = local.only_data_keys
    },
  ]

  # Only if companies have such old systems.
  ask_old_pools = [
    for pools in [var.old_pools] : {
      Sid      = "VerifyPasswordsByOldPools"
      Action   = ["cognito-idp:AdminInitiateAuth"]
      Resource = pools
    } if length(pools) > 0
  ]
}
