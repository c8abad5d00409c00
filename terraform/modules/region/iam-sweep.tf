# The sweep reads whole tables, its own and its peers', and mends both as the replicator would. It carries what is sealed
# and cannot open it: it has no permission on any key.

locals {
  policy_sweep = concat(
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
        Resource = [local.own_table["sweeps"]]
      },
      {
        Sid      = "ListMissingWrappedKeys"
        Action   = ["sqs:SendMessage"]
        Resource = [local.keys_queue_arn, local.merges_queue_arn]
      },
      {
        # ConditionCheckItem: claims are derived anew only while the part that makes them stays as it was read.
        Sid      = "ReadAndTakeParts"
        Action   = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        Resource = [local.own_table["users"]]
      },
      {
        Sid      = "ChangeClaims"
        Action   = ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
        Resource = [local.own_table["identifiers"]]
      },
      {
        Sid      = "ReadAndChangeMembers"
        Action   = ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query"]
        Resource = [local.own_table["members"]]
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
    local.copy_parts_to_peers,
    # Confirmations of erasures are rows of the own region like others.
    [for statement in local.copy_rows_to_peers : statement if statement.Sid == "AppendRowsAtPeers"],
    local.copy_items,
  )
}
