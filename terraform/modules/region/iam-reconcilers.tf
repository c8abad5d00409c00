# The reconcilers do later what was not done at once. Only the one for keys may use keys: it opens a data key, checks
# that it is the record's, and has the regions wrap it that have not.

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

  policy_sweep = [
    {
      Sid      = "ReadEveryPart"
      Action   = ["dynamodb:Scan"]
      Resource = [local.own_table["users"]]
    },
    {
      Sid      = "ListMissingWrappedKeys"
      Action   = ["sqs:SendMessage"]
      Resource = [local.keys_queue_arn]
    },
  ]
}
