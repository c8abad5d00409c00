# The module of a user pool. Runs without AWS: the provider is a mock.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  region    = "eu-west-1"
  regions   = ["eu-west-1", "us-east-1"]
  name      = "shop"
  source_id = "shop-pool"
  direction = "from-pool"
  packages  = "tests/packages"
  data_key  = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-4000-8000-000000000001"
  proof_key = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-4000-8000-000000000002"
  rest_key  = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-4000-8000-000000000003"
  tracing   = false
}

run "users_come_from_the_pool" {
  module {
    source = "./modules/cognito"
  }

  assert {
    condition     = aws_cognito_user_pool.this.lambda_config[0].pre_sign_up == aws_lambda_function.this["cognito"].arn && aws_cognito_user_pool.this.lambda_config[0].post_confirmation == aws_lambda_function.this["cognito"].arn && aws_cognito_user_pool.this.lambda_config[0].user_migration == null
    error_message = "Only the triggers of a sign-up are set."
  }
  assert {
    condition     = aws_cognito_user_pool.this.lambda_config[0].pre_token_generation_config[0].lambda_version == "V2_0" && aws_cognito_user_pool.this.user_pool_tier == "ESSENTIALS"
    error_message = "Access tokens have the claim by default."
  }
  assert {
    condition     = aws_lambda_permission.pool.source_arn == aws_cognito_user_pool.this.arn && aws_lambda_permission.pool.principal == "cognito-idp.amazonaws.com"
    error_message = "Only this pool may call the function."
  }
  assert {
    condition     = aws_lambda_function.this["cognito"].timeout == 5 && aws_lambda_function.this["cognito"].environment[0].variables["UMOJA_SOURCE"] == "shop-pool"
    error_message = "The function knows its source, and does not outlast Cognito's patience."
  }
  assert {
    condition     = !contains(keys(aws_lambda_function.this["cognito"].environment[0].variables), "UMOJA_PEER_WRAP_BUDGET_MS") && length(aws_vpc.this) == 0
    error_message = "Without a network the functions reach peers."
  }
  assert {
    condition     = alltrue([for name, role in aws_iam_role.function : role.name == "umoja-eu-west-1-${name}"])
    error_message = "Roles have the names that the keys admit."
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
    condition     = !strcontains(aws_iam_role_policy.function["cognito"].policy, "dynamodb:Scan") && !strcontains(aws_iam_role_policy.function["cognito"].policy, "cognito-idp:") && !strcontains(aws_iam_role_policy.function["cognito"].policy, "-attempts")
    error_message = "The triggers read no list, call no pool and count no password."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.pool.policy).Statement[0].Action == ["cognito-idp:ListUsers"] && jsondecode(aws_iam_role_policy.pool.policy).Statement[0].Resource == [aws_cognito_user_pool.this.arn]
    error_message = "The comparison only lists this pool."
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.function["reconcile-sources"].policy, "MarkErasedUsers") && !strcontains(aws_iam_role_policy.function["cognito"].policy, "MarkErasedUsers")
    error_message = "Only the comparison learns of a deletion, and may have to erase."
  }
  assert {
    condition = toset(flatten([
      for statement in jsondecode(aws_iam_role_policy.function["cognito"].policy).Statement : statement.Action
      if contains(statement.Resource, "arn:aws:dynamodb:eu-west-1:123456789012:table/umoja-receipts")
    ])) == toset(["dynamodb:Query"])
    error_message = "The triggers read receipts and write none."
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.ghosts) == 0
    error_message = "Without a topic there are no alarms."
  }
  assert {
    condition     = !contains(aws_cognito_user_pool_client.this.write_attributes, "custom:umoja_id")
    error_message = "No client may write Umoja's id."
  }
}

run "users_come_from_umoja" {
  module {
    source = "./modules/cognito"
  }

  variables {
    direction = "to-pool"
    plan      = "LITE"
  }

  assert {
    condition     = aws_cognito_user_pool.this.lambda_config[0].user_migration == aws_lambda_function.this["cognito"].arn && aws_cognito_user_pool.this.lambda_config[0].pre_sign_up == null && aws_cognito_user_pool.this.admin_create_user_config[0].allow_admin_create_user_only
    error_message = "Only the trigger of a migration is set, and no person signs up."
  }
  assert {
    condition     = aws_cognito_user_pool.this.lambda_config[0].pre_token_generation == aws_lambda_function.this["cognito"].arn && length(aws_cognito_user_pool.this.lambda_config[0].pre_token_generation_config) == 0
    error_message = "The smallest plan has the first version of the event."
  }
  assert {
    condition     = anytrue([for attribute in aws_cognito_user_pool.this.schema : attribute.name == "umoja_id" && attribute.mutable == false])
    error_message = "Umoja's id is an attribute that cannot be changed."
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.function["cognito"].policy, "-attempts") && !strcontains(aws_iam_role_policy.function["reconcile-sources"].policy, "dynamodb:Scan")
    error_message = "Passwords are counted, and users are not scanned."
  }
}

run "a_network_without_a_way_out" {
  module {
    source = "./modules/cognito"
  }

  variables {
    network     = { zones = ["eu-west-1a", "eu-west-1b"] }
    alarm_topic = "arn:aws:sns:eu-west-1:123456789012:umoja-alarms"
  }

  assert {
    condition     = alltrue([for function in aws_lambda_function.this : function.environment[0].variables["UMOJA_PEER_WRAP_BUDGET_MS"] == "0"])
    error_message = "No function waits for peers that it cannot reach."
  }
  assert {
    condition     = toset([for alarm in aws_cloudwatch_metric_alarm.ghosts : alarm.metric_name]) == toset(["OnlyInPool", "OnlyInStore"])
    error_message = "Users whom only one side has raise an alarm."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.function["cognito"].policy, "us-east-1")
    error_message = "A function has no permission in a region that it cannot reach."
  }
  assert {
    condition     = toset(keys(aws_vpc_endpoint.interface)) == toset(["cognito-idp", "kms", "sqs"]) && aws_vpc_endpoint.tables[0].vpc_endpoint_type == "Gateway" && length(aws_subnet.this) == 2
    error_message = "The services of the own region are reached by endpoints."
  }
}

run "a_pool_has_one_direction" {
  command = plan

  module {
    source = "./modules/cognito"
  }

  variables {
    direction = "both"
  }

  expect_failures = [var.direction]
}
