# What a function may do that matches, registers and changes people of a company. No resources: `modules/region` and
# `modules/cognito` put the statements into the policies of such functions.

output "statements" {
  description = "The statements of a policy. One whose list of resources is empty has to be left out."

  value = [
    {
      # GetItem: readiness, and the stored item if another condition of a transaction failed. ConditionCheckItem: conditions
      # on the other users of a person have to hold at the time of the write.
      Sid      = "ReadAndWriteUsers"
      Action   = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = [var.table["users"]]
    },
    {
      # GetItem reads one identifier, BatchGetItem several. DeleteItem: an identifier without an owner is deleted.
      Sid      = "ReadAndChangeIdentifiers"
      Action   = ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = [var.table["identifiers"]]
    },
    {
      Sid      = var.merges_and_erases ? "ReadAndChangeLinkedAccounts" : "ReadLinkedAccounts"
      Action   = concat(var.merges_and_erases ? ["dynamodb:DeleteItem", "dynamodb:PutItem"] : [], ["dynamodb:Query"])
      Resource = [var.table["linked_accounts"]]
    },
    {
      Sid      = "JournalConflicts"
      Action   = ["dynamodb:Query", "dynamodb:UpdateItem"]
      Resource = [var.table["journal"]]
    },
    {
      # UpdateItem: the receipts of an erasure. PutItem: the marks that keep an erased person out, which every function reads.
      Sid      = var.merges_and_erases ? "KeepReceipts" : "ReadReceipts"
      Action   = concat(var.merges_and_erases ? ["dynamodb:PutItem"] : [], ["dynamodb:Query"], var.merges_and_erases ? ["dynamodb:UpdateItem"] : [])
      Resource = [var.table["receipts"]]
    },
    {
      # The receipt of an erasure names the targets that have an account.
      Sid      = "ReadTargetAccounts"
      Action   = ["dynamodb:Query"]
      Resource = var.merges_and_erases ? [var.table["target_accounts"]] : []
    },
    {
      # An event follows the last one of its user's chain.
      Sid      = "RecordEvents"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = [var.table["audit"]]
    },
    {
      Sid      = "MakeAndOpenDataKeys"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = [var.data_key]
    },
    {
      # Encrypt: every peer wraps a new data key. The other actions: while the own KMS is unavailable.
      Sid       = "WrapDataKeysByPeersAndUseThemWhileTheOwnIsOut"
      Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
      Resource  = var.peer_keys
      Condition = var.only_data_keys
    },
  ]
}
