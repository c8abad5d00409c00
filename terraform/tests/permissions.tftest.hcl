# The permissions of the functions and the keys.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  region   = "eu-west-1"
  regions  = ["eu-west-1", "us-east-1", "af-south-1"]
  packages = "tests/packages"
  tracing  = false
}

run "roles" {
  module {
    source = "./modules/region"
  }

  assert {
    condition = [
      for name, policy in aws_iam_role_policy.function : name
      if anytrue([
        for statement in jsondecode(policy.policy).Statement :
        anytrue([for action in statement.Action : startswith(action, "kms:")]) && !startswith(statement.Sid, "VerifyItems")
      ])
    ] == ["api", "deliver", "ingest-worker", "oidc", "reconcile-keys", "reconcile-merges", "scim"]
    error_message = "Only who writes people, signs them in or delivers them, and the reconcilers of keys and merges, use data keys."
  }
  assert {
    condition = alltrue([
      for policy in aws_iam_role_policy.function : alltrue([
        for statement in jsondecode(policy.policy).Statement :
        statement.Action == ["kms:Decrypt"] if startswith(statement.Sid, "VerifyItems")
      ]) && strcontains(policy.policy, "VerifyItems")
    ])
    error_message = "Every function unwraps the secret of proofs, and does nothing else with its key."
  }
  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_role_policy.function : [
        for statement in jsondecode(policy.policy).Statement :
        [for resource in statement.Resource : !strcontains(resource, "*") || endswith(resource, ":*") || endswith(resource, "/stream/*") || endswith(resource, ":key/*")]
      ]
    ]))
    error_message = "Wild cards are only for a group's log streams, a table's streams, and peers' keys."
  }
  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_role_policy.function : [
        for statement in jsondecode(policy.policy).Statement :
        statement.Condition.StringEquals == { "aws:ResourceTag/umoja:deployment" = "umoja", "aws:ResourceTag/umoja:use" = startswith(statement.Sid, "VerifyItems") ? "proofs" : "data-keys" }
        if anytrue([for resource in statement.Resource : endswith(resource, ":key/*")])
      ]
    ]))
    error_message = "Of peers' keys only those of the deployment may be used, each for its purpose."
  }
  assert {
    condition     = aws_kms_key.data.tags["umoja:deployment"] == "umoja" && aws_kms_key.data.tags["umoja:use"] == "data-keys" && aws_kms_key.proof.tags["umoja:use"] == "proofs" && aws_kms_key.rest.tags == null
    error_message = "Peers may use the keys of data and proofs and not the other one."
  }
  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_role_policy.function : [
        for statement in jsondecode(policy.policy).Statement : [for action in statement.Action : !strcontains(action, "*")]
      ]
    ]))
    error_message = "Actions are named one by one."
  }
  assert {
    condition     = length(distinct(flatten([for policy in aws_iam_role_policy.function : [for statement in jsondecode(policy.policy).Statement : can(regex("^[A-Za-z0-9]+$", statement.Sid))]]))) == 1
    error_message = "Every statement's name states its purpose."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.function["api"].policy, "arn:aws:dynamodb:us-east-1") && flatten([for statement in jsondecode(aws_iam_role_policy.function["api"].policy).Statement : statement.Resource if anytrue([for action in statement.Action : startswith(action, "sqs:")])]) == ["arn:aws:sqs:eu-west-1:123456789012:umoja-deliver"]
    error_message = "The api reaches no peer's table, and no queue but that of deliveries."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.function["anti-entropy"].policy, "-companies") && !strcontains(aws_iam_role_policy.function["anti-entropy"].policy, "sqs:ReceiveMessage")
    error_message = "Anti-entropy reads no company and receives no messages."
  }
  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_iam_role_policy.function["anti-entropy"].policy).Statement :
      [for resource in statement.Resource : endswith(resource, "-identifiers") || endswith(resource, "-linked_accounts") || endswith(resource, "-target_accounts") || endswith(resource, "-access")] if contains(statement.Action, "dynamodb:DeleteItem")
    ]))
    error_message = "Anti-entropy deletes only derived items, and what an erased user had at targets and might do."
  }
  assert {
    condition = [for name, policy in aws_iam_role_policy.function : name if anytrue([
      for statement in jsondecode(policy.policy).Statement : contains(statement.Action, "dynamodb:Scan")
    ])] == ["anti-entropy", "deliver", "feed", "ingest-worker", "reconcile-targets", "scim"]
    error_message = "Only anti-entropy, the worker of events, SCIM, and who knows webhooks and targets read whole tables."
  }
  assert {
    condition = alltrue(flatten([
      for name, tables in { ingest-worker = ["inbox"], scim = ["settings"], feed = ["settings"], reconcile-targets = ["settings"], deliver = ["settings", "target_accounts"] } : [
        for statement in jsondecode(aws_iam_role_policy.function[name].policy).Statement :
        [for resource in statement.Resource : contains([for table in tables : "arn:aws:dynamodb:eu-west-1:123456789012:table/umoja-${table}"], resource)] if contains(statement.Action, "dynamodb:Scan")
      ]
    ]))
    error_message = "The worker reads the whole inbox, SCIM and the feed the settings, deliveries also the accounts of targets, and no other table."
  }
  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.function["deliver"].policy).Statement :
      statement.Action == ["kms:Decrypt"] && statement.Condition.StringNotEquals == { "kms:EncryptionContext:umoja:part" = "credentials" }
      if startswith(statement.Sid, "OpenDataKeys")
    ])
    error_message = "Who delivers to foreign systems opens no credentials, and makes no data key."
  }
  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_iam_role_policy.function["deliver"].policy).Statement :
      [for resource in statement.Resource : endswith(resource, ":key/*") if !strcontains(resource, ":eu-west-1:")]
    ]))
    error_message = "Of a peer only the keys are reached by deliveries."
  }
  assert {
    condition = toset(flatten([
      for statement in jsondecode(aws_iam_role_policy.function["deliver"].policy).Statement :
      [for resource in statement.Resource : trimprefix(resource, "arn:aws:dynamodb:eu-west-1:123456789012:table/umoja-")]
      if length(setintersection(statement.Action, ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"])) > 0
    ])) == toset(["due", "checkpoints", "target_accounts", "receipts"])
    error_message = "Deliveries write what is due, how far systems are, their accounts, and confirmations of erasures."
  }
  assert {
    condition = !anytrue([
      for statement in jsondecode(aws_iam_role_policy.function["reconcile-targets"].policy).Statement :
      length(setintersection(statement.Action, ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"])) > 0
    ]) && !strcontains(aws_iam_role_policy.function["reconcile-targets"].policy, "-users")
    error_message = "Who only looks for what is due writes no table and reads no user."
  }
  assert {
    condition = toset(flatten([for statement in jsondecode(aws_iam_role_policy.function["ingest"].policy).Statement : [
      for resource in statement.Resource : resource if !startswith(statement.Sid, "VerifyItems") && statement.Sid != "WriteOwnLog"
      ]])) == toset([
      "arn:aws:dynamodb:eu-west-1:123456789012:table/umoja-settings",
      "arn:aws:dynamodb:eu-west-1:123456789012:table/umoja-inbox",
      "arn:aws:sns:eu-west-1:123456789012:umoja-accepted-events",
    ])
    error_message = "What accepts events reads the settings, writes the inbox and rings. It reaches no user, no data key and no peer."
  }
  assert {
    condition = alltrue(flatten([for statement in jsondecode(aws_iam_role_policy.function["ingest-worker"].policy).Statement : [
      for resource in statement.Resource : endswith(resource, "/umoja-inbox") || endswith(resource, ":umoja-ingest") || endswith(resource, ":key/*") if !strcontains(resource, ":eu-west-1:")
    ]]))
    error_message = "Of a peer the worker reaches the inbox, the queue of events and the keys."
  }
  assert {
    condition = toset(flatten([for statement in jsondecode(aws_iam_role_policy.function["feed"].policy).Statement : [
      for resource in statement.Resource : resource if !startswith(statement.Sid, "VerifyItems") && statement.Sid != "WriteOwnLog"
      ]])) == toset(concat([for table in ["users/stream/*", "receipts/stream/*", "events/stream/*", "target_accounts/stream/*", "users", "linked_accounts", "receipts", "events", "checkpoints", "settings", "target_accounts", "due"] :
    "arn:aws:dynamodb:eu-west-1:123456789012:table/umoja-${table}"], ["arn:aws:sqs:eu-west-1:123456789012:umoja-stream-failures", "arn:aws:sqs:eu-west-1:123456789012:umoja-deliver"]))
    error_message = "The feed reaches tables of its own region only, and no data key."
  }
  assert {
    condition = [for name, policy in aws_iam_role_policy.function : name if anytrue([
      for statement in jsondecode(policy.policy).Statement :
      contains(statement.Action, "dynamodb:PutItem") && contains(statement.Resource, "arn:aws:dynamodb:eu-west-1:123456789012:table/umoja-events")
    ])] == ["anti-entropy", "feed"]
    error_message = "Only the feed makes events, and anti-entropy takes those that are missing."
  }
  assert {
    condition = toset(flatten([for statement in jsondecode(aws_iam_role_policy.function["oidc"].policy).Statement : [
      for resource in statement.Resource : resource if !strcontains(resource, ":eu-west-1:") && !endswith(resource, ":key/*")
    ]])) == toset([for region in ["us-east-1", "af-south-1"] : "arn:aws:dynamodb:${region}:123456789012:table/umoja-replays"])
    error_message = "Of a peer single sign-on reaches what works once, where a code is spent, and the keys."
  }
  assert {
    condition = distinct(flatten([for statement in jsondecode(aws_iam_role_policy.function["oidc"].policy).Statement : [
      for action in statement.Action : action if anytrue([for resource in statement.Resource : endswith(resource, "-replays")])
    ]])) == tolist(["dynamodb:PutItem"])
    error_message = "What works once is written and never read or deleted."
  }
  assert {
    condition = toset(flatten([
      for statement in jsondecode(aws_iam_role_policy.function["oidc"].policy).Statement :
      [for resource in statement.Resource : trimprefix(resource, "arn:aws:dynamodb:eu-west-1:123456789012:table/umoja-") if strcontains(resource, "dynamodb:eu-west-1")]
      if length(setintersection(statement.Action, ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"])) > 0
    ])) == toset(["access", "attempts", "audit", "due", "identifiers", "journal", "linked_accounts", "receipts", "replays", "users"])
    error_message = "Single sign-on writes what a person does with its own account, and no event and no request for a target."
  }
  assert {
    condition = [for name, policy in aws_iam_role_policy.function : name if anytrue([
      for statement in jsondecode(policy.policy).Statement :
      contains(statement.Action, "dynamodb:PutItem") && contains(statement.Resource, "arn:aws:dynamodb:eu-west-1:123456789012:table/umoja-access")
    ])] == ["anti-entropy", "api", "ingest-worker", "oidc", "reconcile-writes", "replicator", "scim"]
    error_message = "Only single sign-on writes what persons may do, who sets passwords, disables and erases, which ends it, and what replicates it."
  }
  assert {
    condition = !anytrue(flatten([for policy in aws_iam_role_policy.function : [
      for statement in jsondecode(policy.policy).Statement :
      [for resource in statement.Resource : endswith(resource, "-settings") || endswith(resource, "-companies")] if length(setintersection(statement.Action, ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"])) > 0
    ]]))
    error_message = "Only the operator writes settings and companies."
  }
  assert {
    condition = !anytrue(flatten([for policy in aws_iam_role_policy.function : [
      for statement in jsondecode(policy.policy).Statement :
      [for resource in statement.Resource : endswith(resource, "-users") || endswith(resource, "-journal") || endswith(resource, "-receipts") || endswith(resource, "-audit")] if contains(statement.Action, "dynamodb:DeleteItem")
    ]]))
    error_message = "Replicated items are never deleted."
  }
}

run "traces" {
  module {
    source = "./modules/region"
  }

  variables {
    tracing = true
  }

  assert {
    condition     = alltrue([for policy in aws_iam_role_policy.function : strcontains(policy.policy, "xray:PutTraceSegments")]) && alltrue([for function in aws_lambda_function.this : one(function.tracing_config).mode == "Active"])
    error_message = "With tracing, functions are traced and may send traces."
  }
}

run "keys" {
  module {
    source = "./modules/region"
  }

  variables {
    operators = ["arn:aws:iam::123456789012:role/operators"]
  }

  assert {
    condition     = aws_kms_key.data.enable_key_rotation && aws_kms_key.proof.enable_key_rotation && aws_kms_key.rest.enable_key_rotation
    error_message = "Keys are rotated."
  }
  assert {
    condition = alltrue([
      for key in [aws_kms_key.data, aws_kms_key.proof, aws_kms_key.rest] : alltrue([
        for statement in jsondecode(key.policy).Statement :
        length(setintersection(statement.Action, ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKey*", "kms:ReEncrypt*", "kms:CreateGrant", "kms:*"])) == 0
        if statement.Sid == "AdministrationWithoutUse"
      ])
    ])
    error_message = "Administrators of a key must not use it."
  }
  assert {
    condition = one([
      for statement in jsondecode(aws_kms_key.data.policy).Statement : statement.Condition.ArnLike["aws:PrincipalArn"] if contains(statement.Action, "kms:Decrypt")
      ]) == [
      "arn:aws:iam::123456789012:role/umoja-eu-west-1-api",
      "arn:aws:iam::123456789012:role/umoja-us-east-1-api",
      "arn:aws:iam::123456789012:role/umoja-af-south-1-api",
      "arn:aws:iam::123456789012:role/umoja-eu-west-1-reconcile-keys",
      "arn:aws:iam::123456789012:role/umoja-us-east-1-reconcile-keys",
      "arn:aws:iam::123456789012:role/umoja-af-south-1-reconcile-keys",
      "arn:aws:iam::123456789012:role/umoja-eu-west-1-reconcile-merges",
      "arn:aws:iam::123456789012:role/umoja-us-east-1-reconcile-merges",
      "arn:aws:iam::123456789012:role/umoja-af-south-1-reconcile-merges",
      "arn:aws:iam::123456789012:role/umoja-eu-west-1-ingest-worker",
      "arn:aws:iam::123456789012:role/umoja-us-east-1-ingest-worker",
      "arn:aws:iam::123456789012:role/umoja-af-south-1-ingest-worker",
      "arn:aws:iam::123456789012:role/umoja-eu-west-1-scim",
      "arn:aws:iam::123456789012:role/umoja-us-east-1-scim",
      "arn:aws:iam::123456789012:role/umoja-af-south-1-scim",
      "arn:aws:iam::123456789012:role/umoja-eu-west-1-deliver",
      "arn:aws:iam::123456789012:role/umoja-us-east-1-deliver",
      "arn:aws:iam::123456789012:role/umoja-af-south-1-deliver",
      "arn:aws:iam::123456789012:role/umoja-eu-west-1-oidc",
      "arn:aws:iam::123456789012:role/umoja-us-east-1-oidc",
      "arn:aws:iam::123456789012:role/umoja-af-south-1-oidc",
      "arn:aws:iam::123456789012:role/umoja-eu-west-1-cognito",
      "arn:aws:iam::123456789012:role/umoja-us-east-1-cognito",
      "arn:aws:iam::123456789012:role/umoja-af-south-1-cognito",
      "arn:aws:iam::123456789012:role/umoja-eu-west-1-reconcile-sources",
      "arn:aws:iam::123456789012:role/umoja-us-east-1-reconcile-sources",
      "arn:aws:iam::123456789012:role/umoja-af-south-1-reconcile-sources",
      "arn:aws:iam::123456789012:role/operators",
    ]
    error_message = "The data key is used by seven functions of each region, by those of a user pool, and by operators."
  }
  assert {
    condition = alltrue([
      for statement in jsondecode(aws_kms_key.rest.policy).Statement :
      can(statement.Condition) if length(setintersection(statement.Action, ["kms:Decrypt", "kms:Encrypt"])) > 0
    ])
    error_message = "The key at rest is used only through its services."
  }
}

run "schedules" {
  module {
    source = "./modules/region"
  }

  assert {
    condition     = toset(flatten([for statement in jsondecode(aws_iam_role_policy.schedules.policy).Statement : statement.Action])) == toset(["lambda:InvokeFunction", "sqs:SendMessage"])
    error_message = "Schedules start functions and report failed starts."
  }
}
