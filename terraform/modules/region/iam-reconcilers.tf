# The reconcilers complete deferred work. `reconcile-keys` unwraps a data key, checks that it belongs to the record, and
# wraps it for the regions that lack it. `reconcile-merges` opens users who may be one person and writes one of them.

locals {
  policy_reconcile_writes = concat(
    [
      {
        Sid      = "DrainRetries"
        Action   = local.drain_actions
        Resource = local.retry_queue_arns
      },
      {
        # Also users, before draining: the own table has to answer.
        Sid      = "ReadReplicatedItems"
        Action   = ["dynamodb:GetItem"]
        Resource = concat([local.own_table["users"]], [for log in local.logs : local.own_table[log]])
      },
      local.quarantine,
    ],
    local.replicate_parts_to_peers,
    local.replicate_rows_to_peers,
    local.replicate_items,
  )

  policy_reconcile_keys = concat(
    [
      {
        Sid      = "DrainRepairs"
        Action   = local.drain_actions
        Resource = [local.keys_queue_arn]
      },
      {
        Sid      = "ReadPartsAndAddWrappedKeys"
        Action   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        Resource = [local.own_table["users"]]
      },
      {
        # DescribeKey: an unavailable key is probed once per run, not for every message.
        Sid      = "OpenAndWrapDataKeys"
        Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"]
        Resource = [local.own_data_key_arn]
      },
      {
        Sid       = "OpenAndWrapDataKeysByPeers"
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"]
        Resource  = local.peer_keys
        Condition = local.only_data_keys
      },
      local.quarantine,
    ],
    local.replicate_parts_to_peers,
  )

  policy_reconcile_merges = [
    {
      Sid      = "DrainMerges"
      Action   = local.drain_actions
      Resource = [local.merges_queue_arn]
    },
    {
      # Users for whom two trusted companies have verified the same identifier: the function opens both, and writes one so
      # that it points at the other.
      Sid      = "MergeWhoIsOnePerson"
      Action   = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = [local.own_table["users"]]
    },
    {
      # A third owner of an identifier may contradict the merge.
      Sid      = "ReadOwnersOfIdentifiers"
      Action   = ["dynamodb:BatchGetItem", "dynamodb:GetItem"]
      Resource = [local.own_table["identifiers"]]
    },
    {
      Sid      = "ReadAndAddLinkedAccounts"
      Action   = ["dynamodb:PutItem", "dynamodb:Query"]
      Resource = [local.own_table["linked_accounts"]]
    },
    {
      Sid      = "JournalMerges"
      Action   = ["dynamodb:UpdateItem"]
      Resource = [local.own_table["journal"]]
    },
    {
      Sid      = "RecordMerges"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = [local.own_table["audit"]]
    },
    {
      Sid      = "OpenMakeAndWrapDataKeys"
      Action   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
      Resource = [local.own_data_key_arn]
    },
    {
      # GenerateDataKey: while the own KMS is unavailable.
      Sid       = "OpenMakeAndWrapDataKeysByPeers"
      Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
      Resource  = local.peer_keys
      Condition = local.only_data_keys
    },
    local.quarantine,
  ]
}
