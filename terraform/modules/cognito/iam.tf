# One role for each function, with one policy. A policy allows only the calls that the code makes, and a statement's name
# states their purpose. The names of the roles are those that the keys of every region admit (`modules/region/keys.tf`).

locals {
  sqs       = "arn:${local.partition}:sqs:${var.region}:${local.account}"
  peer_keys = [for peer in local.peers : "arn:${local.partition}:kms:${peer}:${local.account}:key/*"]

  only_data_keys  = { StringEquals = { "aws:ResourceTag/umoja:deployment" = var.prefix, "aws:ResourceTag/umoja:use" = "data-keys" } }
  only_proof_keys = { StringEquals = { "aws:ResourceTag/umoja:deployment" = var.prefix, "aws:ResourceTag/umoja:use" = "proofs" } }

  # Peers are not reached from a network of its own.
  reached_peer_keys = var.network == null ? local.peer_keys : []

  common_statements = {
    for name, function in local.function_name : name => concat([
      {
        Sid      = "ReadSettingsAndCompanies"
        Action   = ["dynamodb:GetItem"]
        Resource = [local.own_table["companies"], local.own_table["settings"]]
      },
      {
        Sid      = "VerifyItems"
        Action   = ["kms:Decrypt"]
        Resource = [var.proof_key]
      },
      {
        Sid       = "VerifyItemsByPeers"
        Action    = ["kms:Decrypt"]
        Resource  = local.reached_peer_keys
        Condition = local.only_proof_keys
      },
      {
        Sid      = "WriteOwnLog"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:${local.partition}:logs:${var.region}:${local.account}:log-group:/aws/lambda/${function}:*"]
      },
      {
        # X-Ray does not support resources.
        Sid      = "SendTraces"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = var.tracing ? ["*"] : []
      },
      {
        # Lambda attaches functions to a network under their own role. EC2 does not support resources here.
        Sid      = "AttachToTheNetwork"
        Action   = ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
        Resource = var.network == null ? [] : ["*"]
      },
    ])
  }

  # Matching, registering and changing people of a company, as the api does. No trigger merges or erases them.
  write_people = concat(module.people.statements, [
    {
      Sid      = "KeepSignUpsAndMarks"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = [local.own_table["inbox"]]
    },
    {
      # A new password and a user who is disabled end what the person had signed in to.
      Sid      = "EndWhatPersonsMayDo"
      Action   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = [local.own_table["access"]]
    },
    {
      # The clients of a session that ends, which `deliver` informs.
      Sid      = "RingForClients"
      Action   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = [local.own_table["due"]]
    },
  ])

  policies = {
    cognito = concat(local.write_people, [
      {
        Sid      = "RingForSignUps"
        Action   = ["sqs:SendMessage"]
        Resource = ["${local.sqs}:${var.prefix}-${local.names.queues.ingest}"]
      },
      {
        # A count is replaced or increased; it is deleted after a successful login.
        Sid      = "CountAttempts"
        Action   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        Resource = local.is_feeding ? [] : [local.own_table["attempts"]]
      },
    ])
    reconcile-sources = concat(local.write_people, [
      {
        Sid      = "CompareUsers"
        Action   = ["dynamodb:Scan"]
        Resource = local.is_feeding ? [local.own_table["users"]] : []
      },
      {
        # A source that may erase (`--may-erase`) erases whom the pool has deleted. UpdateItem: the receipts. PutItem: the
        # marks that keep an erased person out.
        Sid      = "MarkErasedUsers"
        Action   = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
        Resource = local.is_feeding ? [local.own_table["receipts"]] : []
      },
      {
        # The receipt of an erasure names the targets that have an account.
        Sid      = "ReadTargetAccounts"
        Action   = ["dynamodb:Query"]
        Resource = local.is_feeding ? [local.own_table["target_accounts"]] : []
      },
      {
        # A merged person is erased as a whole.
        Sid      = "UnlinkErasedUsers"
        Action   = ["dynamodb:DeleteItem"]
        Resource = local.is_feeding ? [local.own_table["linked_accounts"]] : []
      },
    ])
  }
}

module "people" {
  source = "../people"

  table             = local.own_table
  data_key          = var.data_key
  peer_keys         = local.reached_peer_keys
  only_data_keys    = local.only_data_keys
  merges_and_erases = false
}

resource "aws_iam_role" "function" {
  for_each = local.function_name

  name        = "${var.prefix}-${var.region}-${each.key}"
  description = "Umoja: what ${each.key} may do in ${var.region}"

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
  #checkov:skip=CKV_AWS_355:X-Ray and the network interfaces of a function have no resources.
  #checkov:skip=CKV_AWS_290:X-Ray and the network interfaces of a function have no resources.

  for_each = local.function_name

  name = "permissions"
  role = aws_iam_role.function[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for statement in concat(local.common_statements[each.key], local.policies[each.key]) :
      merge({ Effect = "Allow" }, statement)
      if length(flatten([statement.Resource])) > 0
    ]
  })
}

# Apart, because the pool names the functions.
resource "aws_iam_role_policy" "pool" {
  name = "pool"
  role = aws_iam_role.function["reconcile-sources"].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "ListThePool"
      Effect   = "Allow"
      Action   = ["cognito-idp:ListUsers"]
      Resource = [aws_cognito_user_pool.this.arn]
    }]
  })
}

resource "aws_iam_role" "schedule" {
  name        = "${var.prefix}-${var.region}-reconcile-sources-schedule"
  description = "Umoja: starts reconcile-sources in ${var.region}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Scheduler"
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "schedule" {
  name = "permissions"
  role = aws_iam_role.schedule.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Start"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = [aws_lambda_function.this["reconcile-sources"].arn]
    }]
  })
}
