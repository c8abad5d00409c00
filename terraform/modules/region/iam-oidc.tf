# `oidc` signs persons in as the api authenticates them, and keeps what they may do in its own region: the replicator brings
# it to peers. At a peer it does one thing, besides the data keys: it spends a code where the code was issued.

locals {
  policy_oidc = concat(module.signing_in.statements, [
    local.know_companies,
    local.keep_access,
    {
      # Codes, assertions of clients and proofs of possession work once.
      Sid      = "SpendWhatWorksOnce"
      Action   = ["dynamodb:PutItem"]
      Resource = [local.own_table["replays"]]
    },
    {
      Sid      = "SpendCodesOfPeers"
      Action   = ["dynamodb:PutItem"]
      Resource = local.peer_table["replays"]
    },
    local.count_attempts,
    # The clients of a session that ends, which `deliver` informs.
  ], local.ring_for_systems)
}

# It registers whom a company's old system vouches for, and neither merges nor erases users.
module "signing_in" {
  source = "../people"

  table             = local.own_table
  data_key          = local.own_data_key_arn
  peer_keys         = local.peer_keys
  only_data_keys    = local.only_data_keys
  merges_and_erases = false
}
