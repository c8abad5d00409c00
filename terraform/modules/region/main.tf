# Names and identities that the other files share. Every name comes from `names.json`, which the programs generate from
# the names that they are compiled with.

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  names     = jsondecode(file("${path.module}/../../../schema/generated/names.json"))
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition

  peers = [for name in var.regions : name if name != var.region]

  # Replicated tables that hold append-only rows, and those that hold versioned items.
  logs  = [for name, table in local.names.tables : name if try(table.rule, "") == "put_if_absent"]
  items = [for name, table in local.names.tables : name if try(table.rule, "") == "newest_wins"]

  # ARNs are composed, not taken from resources: a peer's resources are not known here, and so policies have one form
  # for the own region and for peers.
  own_table  = { for name, _ in local.names.tables : name => "arn:${local.partition}:dynamodb:${var.region}:${local.account}:table/${var.prefix}-${name}" }
  peer_table = { for name, _ in local.names.tables : name => [for peer in local.peers : "arn:${local.partition}:dynamodb:${peer}:${local.account}:table/${var.prefix}-${name}"] }

  function_name = { for name in local.names.functions : name => "${var.prefix}-${name}" }
}
