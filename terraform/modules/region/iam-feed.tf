# The feed reads the changes of its own region, makes events of them, and rings for webhooks and targets. It cannot decrypt a
# part, because it has no permission on data keys, and it reaches no peer's table: the replicator replicates the events.

locals {
  policy_feed = concat([
    merge(local.read_streams, {
      Resource = [for name in keys(local.fed) : "${local.own_table[name]}/stream/*"]
    }),
    local.note_given_up,
    {
      # The companies that are linked to the users of a person.
      Sid      = "KnowWhomAChangeConcerns"
      Action   = ["dynamodb:Query"]
      Resource = [local.own_table["users"], local.own_table["linked_accounts"]]
    },
    {
      # The companies that the region that erased a user informs itself.
      Sid      = "KnowWhomAnErasureConcerns"
      Action   = ["dynamodb:Query"]
      Resource = [local.own_table["receipts"]]
    },
    {
      # GetItem: whether a change has its event already. Query: the last event of a company.
      Sid      = "MakeEvents"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = [local.own_table["events"]]
    },
    {
      # The epoch of the region's events.
      Sid      = "KeepTheEpoch"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = [local.own_table["checkpoints"]]
    },
    local.know_systems,
    {
      # The targets that have an account of a user.
      Sid      = "KnowAccountsOfTargets"
      Action   = ["dynamodb:Query"]
      Resource = [local.own_table["target_accounts"]]
    },
  ], local.ring_for_systems)
}
