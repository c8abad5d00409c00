# Anti-entropy reads whole tables, of its own region and of its peers, and repairs both as the replicator does. It cannot
# decrypt the items, because it has no permission on data keys.

locals {
  policy_anti_entropy = concat(
    [
      {
        Sid      = "ReadWholeTables"
        Action   = ["dynamodb:Scan"]
        Resource = concat([local.own_table["users"], local.own_table["identifiers"]], [for table in concat(local.logs, local.items) : local.own_table[table]])
      },
      {
        Sid      = "ReadWholeTablesOfPeers"
        Action   = ["dynamodb:Scan"]
        Resource = concat(local.peer_table["users"], flatten([for table in concat(local.logs, local.items) : local.peer_table[table]]))
      },
      {
        Sid      = "KeepHowFarItHasCome"
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
        Resource = [local.own_table["checkpoints"]]
      },
      {
        Sid      = "ListMissingWrappedKeys"
        Action   = ["sqs:SendMessage"]
        Resource = [local.keys_queue_arn, local.merges_queue_arn]
      },
      {
        # ConditionCheckItem: ownerships are rebuilt only if their part is unchanged since it was read.
        Sid      = "ReadAndTakeParts"
        Action   = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        Resource = [local.own_table["users"]]
      },
      {
        Sid      = "ChangeIdentifiers"
        Action   = ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
        Resource = [local.own_table["identifiers"]]
      },
      {
        Sid      = "ReadAndChangeLinkedAccounts"
        Action   = ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan"]
        Resource = [local.own_table["linked_accounts"]]
      },
      {
        Sid      = "JournalConflicts"
        Action   = ["dynamodb:UpdateItem"]
        Resource = [local.own_table["journal"]]
      },
      {
        Sid      = "ReadAndTakeRows"
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
        Resource = [for log in local.logs : local.own_table[log]]
      },
      {
        Sid      = "ReadRowsOfPeers"
        Action   = ["dynamodb:GetItem"]
        Resource = flatten([for log in local.logs : local.peer_table[log]])
      },
    ],
    local.replicate_parts_to_peers,
    # Confirmations of erasures are ordinary rows of the own region.
    [for statement in local.replicate_rows_to_peers : statement if statement.Sid == "AppendRowsAtPeers"],
    local.replicate_items,
  )
}
