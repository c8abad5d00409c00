# Three keys. `data` wraps the data keys of records: only functions and operators use it, and each use is bound to a
# record. `proof` wraps the secret that proves stored items: every function unwraps it, and it opens no record. `rest`
# encrypts tables, logs, topics and the queues of events at rest, through the services that store them.
#
# Administration is separate from use: administrators (as IAM defines them) cannot encrypt, decrypt or make grants, and
# users of a key cannot change it. An administrator can still change the policy itself; CloudTrail records that.

locals {
  key_administration = {
    Sid       = "AdministrationWithoutUse"
    Effect    = "Allow"
    Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
    Action = [
      "kms:CancelKeyDeletion",
      "kms:CreateAlias",
      "kms:DeleteAlias",
      "kms:DescribeKey",
      "kms:DisableKey",
      "kms:DisableKeyRotation",
      "kms:EnableKey",
      "kms:EnableKeyRotation",
      "kms:GetKeyPolicy",
      "kms:GetKeyRotationStatus",
      "kms:ListAliases",
      "kms:ListGrants",
      "kms:ListKeyPolicies",
      "kms:ListKeyRotations",
      "kms:ListResourceTags",
      "kms:PutKeyPolicy",
      "kms:RevokeGrant",
      "kms:RotateKeyOnDemand",
      "kms:ScheduleKeyDeletion",
      "kms:TagResource",
      "kms:UntagResource",
      "kms:UpdateAlias",
      "kms:UpdateKeyDescription",
    ]
    Resource = "*"
  }

  # These functions of every region: a peer's key may be the only one that answers.
  data_key_users = concat(
    [
      for pair in setproduct(["api", "reconcile-keys", "reconcile-merges", "ingest-worker", "scim", "deliver", "oidc"], var.regions) :
      "arn:${local.partition}:iam::${local.account}:role/${var.prefix}-${pair[1]}-${pair[0]}"
    ],
    local.pool_roles,
    var.operators,
  )

  # Functions of user pools (`modules/cognito`), in a region that has one.
  pool_roles = [
    for pair in setproduct(local.names.pool_functions, var.regions) :
    "arn:${local.partition}:iam::${local.account}:role/${var.prefix}-${pair[1]}-${pair[0]}"
  ]

  # Every function of every region: all of them write or verify items.
  proof_key_users = concat(
    [
      for pair in setproduct(local.names.functions, var.regions) :
      "arn:${local.partition}:iam::${local.account}:role/${var.prefix}-${pair[1]}-${pair[0]}"
    ],
    local.pool_roles,
    var.operators,
  )
}

resource "aws_kms_key" "data" {
  description             = "${var.prefix}: wraps the data keys of records"
  enable_key_rotation     = true
  deletion_window_in_days = 30

  # Peers' functions may use this key because of these tags: its ARN is not known where their roles are made.
  tags = local.data_key_tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.key_administration,
      {
        Sid       = "UseByFunctionsAndOperatorsThatIamAllows"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = { ArnLike = { "aws:PrincipalArn" = local.data_key_users } }
      },
    ]
  })
}

resource "aws_kms_alias" "data" {
  name          = "alias/${var.prefix}-data"
  target_key_id = aws_kms_key.data.key_id
}

resource "aws_kms_key" "proof" {
  description             = "${var.prefix}: wraps the secret that proves stored items"
  enable_key_rotation     = true
  deletion_window_in_days = 30

  tags = local.proof_key_tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.key_administration,
      {
        Sid       = "UseByFunctionsAndOperatorsThatIamAllows"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = { ArnLike = { "aws:PrincipalArn" = local.proof_key_users } }
      },
    ]
  })
}

resource "aws_kms_alias" "proof" {
  name          = "alias/${var.prefix}-proof"
  target_key_id = aws_kms_key.proof.key_id
}

resource "aws_kms_key" "rest" {
  description             = "${var.prefix}: encrypts tables, logs and alarms at rest"
  enable_key_rotation     = true
  deletion_window_in_days = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.key_administration,
      {
        # As with AWS's own key for DynamoDB: every principal that may use a table may use this key through DynamoDB, and
        # only through it. So no function's role needs a permission on this key, and the replicator, which writes
        # peers' tables, cannot decrypt anything.
        Sid       = "TablesForWhoMayUseTables"
        Effect    = "Allow"
        Principal = { AWS = "*" }
        Action    = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource  = "*"
        Condition = {
          StringEquals = {
            "kms:CallerAccount" = local.account
            "kms:ViaService"    = "dynamodb.${var.region}.${data.aws_partition.this.dns_suffix}"
          }
        }
      },
      {
        # DynamoDB checks whether it can use the key of a table.
        Sid       = "TablesOnTheirOwn"
        Effect    = "Allow"
        Principal = { Service = "dynamodb.amazonaws.com" }
        Action    = ["kms:Describe*", "kms:Get*", "kms:List*"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.region}.${data.aws_partition.this.dns_suffix}" }
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource  = "*"
        Condition = {
          ArnLike = {
            "kms:EncryptionContext:aws:logs:arn" = [
              for group in local.log_groups : "arn:${local.partition}:logs:${var.region}:${local.account}:log-group:${group}"
            ]
          }
        }
      },
      {
        # As with tables: who may use a queue or a topic may use this key through SQS or SNS, in this region.
        Sid       = "QueuesAndTopicsForWhoMayUseThem"
        Effect    = "Allow"
        Principal = { AWS = "*" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = {
          StringEquals = {
            "kms:CallerAccount" = local.account
            "kms:ViaService"    = [for service in ["sns", "sqs"] : "${service}.${var.region}.${data.aws_partition.this.dns_suffix}"]
          }
        }
      },
      {
        Sid       = "AcceptedEventsIntoTheirQueues"
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account }
          ArnEquals    = { "aws:SourceArn" = local.accepted_topic_arn }
        }
      },
      {
        Sid       = "AlarmsIntoTheirTopic"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
    ]
  })
}

resource "aws_kms_alias" "rest" {
  name          = "alias/${var.prefix}-rest"
  target_key_id = aws_kms_key.rest.key_id
}

locals {
  data_key_tags = {
    "umoja:deployment" = var.prefix
    "umoja:use"        = "data-keys"
  }
  proof_key_tags = {
    "umoja:deployment" = var.prefix
    "umoja:use"        = "proofs"
  }
}
