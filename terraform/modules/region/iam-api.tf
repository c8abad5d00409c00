# The api reads and writes this region's tables, and rings for targets. Of a peer it uses only the data key.

locals {
  policy_api = concat(local.write_people, [
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
    local.count_attempts,
    {
      # What a request asks of a target, and what became of it.
      Sid      = "RequestAccountsAtTargets"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = [local.own_table["target_accounts"]]
    },
  ])

  # Only if companies have such old systems.
  ask_old_pools = [
    for pools in [var.old_pools] : {
      Sid      = "VerifyPasswordsByOldPools"
      Action   = ["cognito-idp:AdminInitiateAuth"]
      Resource = pools
    } if length(pools) > 0
  ]
}
