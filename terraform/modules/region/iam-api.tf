# The api reads and writes this region's tables, and reaches a peer for nothing but its data key.

locals {
  policy_api = [
    {
      Sid      = "KnowCompanies"
      Action   = ["dynamodb:GetItem"]
      Resource = [local.own_table["companies"]]
    },
    {
      # GetItem: readiness, and what is stored where a condition failed beside it. ConditionCheckItem: what holds of
      # several users who are one person has to hold when it is written.
      Sid      = "ReadAndWriteUsers"
      Action   = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = [local.own_table["users"]]
    },
    {
      # One identifier is read by GetItem, several by BatchGetItem; a claim that nobody makes any more is deleted.
      Sid      = "ReadAndChangeClaims"
      Action   = ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = [local.own_table["identifiers"]]
    },
    {
      Sid      = "ReadAndChangeMembers"
      Action   = ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = [local.own_table["members"]]
    },
    {
      Sid      = "JournalConflictsAndKeepReceipts"
      Action   = ["dynamodb:Query", "dynamodb:UpdateItem"]
      Resource = [local.own_table["journal"], local.own_table["receipts"]]
    },
    {
      # An event goes after the last one of its user's chain.
      Sid      = "RecordEvents"
      Action   = ["dynamodb:PutItem", "dynamodb:Query"]
      Resource = [local.own_table["audit"]]
    },
    {
      Sid      = "RememberRequests"
      Action   = ["dynamodb:PutItem"]
      Resource = [local.own_table["replays"], local.own_table["idempotency"]]
    },
    {
      # A count is written over what was read, or added to; it is deleted once somebody logs in.
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
      # Encrypt: every peer wraps a new data key. The others while the own KMS is out.
      Sid       = "WrapDataKeysByPeersAndUseThemWhileTheOwnIsOut"
      Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
      Resource  = local.peer_keys
      Condition = local.only_data_keys
    },
  ]
}
