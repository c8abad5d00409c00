# The reconcilers do later what was not done at once. The one for keys opens a data key, checks that it is the record's,
# and has the regions wrap it that have not. The one for merges opens users who may be one person, and writes one of them.

locals {
  policy_reconcile_writes = concat(
    [
      {
        Sid      = "DrainRetries"
        Action   = local.drain_actions
        Resource = local.retry_queue_arns
      },
      {
        # Users too before draining: the own table has to answer.
        Sid      = "ReadWhatIsToBeCopied"
        Action   = ["dynamodb:GetItem"]
        Resource = concat([local.own_table["users"]], [for log in local.logs : local.own_table[log]])
      },
      local.park,
    ],
    local.copy_parts_to_peers,
    local.copy_rows_to_peers,
    local.copy_items,
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
        # DescribeKey: a key that is out is asked once in a run, not for every message.
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
      local.park,
    ],
    local.copy_parts_to_peers,
  )

  policy_reconcile_merges = [
    {
      Sid      = "DrainMerges"
      Action   = local.drain_actions
      Resource = [local.merges_queue_arn]
    },
    {
      # Users of whom two trusted companies have verified the same identifier: both are opened, and one is written to
      # point at the other.
      Sid      = "MergeWhoIsOnePerson"
      Action   = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = [local.own_table["users"]]
    },
    {
      Sid      = "ReadAndAddMembers"
      Action   = ["dynamodb:PutItem", "dynamodb:Query"]
      Resource = [local.own_table["members"]]
    },
    {
      Sid      = "JournalMerges"
      Action   = ["dynamodb:UpdateItem"]
      Resource = [local.own_table["journal"]]
    },
    {
      Sid      = "RecordMerges"
      Action   = ["dynamodb:PutItem", "dynamodb:Query"]
      Resource = [local.own_table["audit"]]
    },
    {
      Sid      = "OpenMakeAndWrapDataKeys"
      Action   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
      Resource = [local.own_data_key_arn]
    },
    {
      # GenerateDataKey: while the own KMS is out.
      Sid       = "OpenMakeAndWrapDataKeysByPeers"
      Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
      Resource  = local.peer_keys
      Condition = local.only_data_keys
    },
    local.park,
  ]
}
