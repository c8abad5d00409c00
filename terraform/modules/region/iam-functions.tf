# One role for each function, with one policy named `permissions`. A policy allows only the calls that the code makes,
# and a statement's name states their purpose. The region is in the name of the role, because IAM has no regions.
#
# `TransactWriteItems` has no separate permission: DynamoDB requires those of the writes in the transaction. The policies
# lack `ConditionCheckItem` on identifiers, because a transaction does not contain an unchanged ownership.

locals {
  policies = {
    api               = concat(local.policy_api, local.ask_old_pools, local.send_mail)
    replicator        = local.policy_replicator
    feed              = local.policy_feed
    deliver           = local.policy_deliver
    reconcile-targets = local.policy_reconcile_targets
    reconcile-writes  = local.policy_reconcile_writes
    reconcile-keys    = local.policy_reconcile_keys
    reconcile-merges  = local.policy_reconcile_merges
    anti-entropy      = local.policy_anti_entropy
    ingest            = local.policy_ingest
    ingest-worker     = local.policy_ingest_worker
    scim              = local.policy_scim
    oidc              = concat(local.policy_oidc, local.ask_old_pools, local.send_mail)
  }
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name        = "${var.prefix}-${var.region}-${each.key}"
  description = "Umoja: what ${each.key} may do in ${var.region}, and from there"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Lambda"
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  for_each = local.functions

  name = "permissions"
  role = aws_iam_role.function[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for statement in concat(local.common_statements[each.key], local.policies[each.key]) :
      merge({ Effect = "Allow" }, statement)
      # The only region of a deployment has no peers, and IAM rejects a statement without resources.
      if length(flatten([statement.Resource])) > 0
    ]
  })
}
