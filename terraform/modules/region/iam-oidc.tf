# `oidc` signs persons in as the api authenticates them, lets them change, export and erase their own account (0175), and keeps what they may do in its own region: the replicator brings
# it to peers. At a peer it does one thing, besides the data keys: it spends a code where the code was issued.

locals {
  policy_oidc = concat(local.write_people, [
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
