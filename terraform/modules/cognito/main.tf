# A user pool of Amazon Cognito whose triggers are a function of Umoja: sign-up without ghosts, and Umoja's id of the user in
# its tokens (docs/sources.md). Apply it in the region of the pool, after `modules/region`, and add the source:
#
#   umoja source add SOURCE --company COMPANY --kind cognito --pool POOL_ID --direction DIRECTION --home REGION

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  names     = jsondecode(file("${path.module}/../../../schema/generated/names.json"))
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition

  peers      = [for name in var.regions : name if name != var.region]
  is_feeding = var.direction == "from-pool"

  own_table = { for name, _ in local.names.tables : name => "arn:${local.partition}:dynamodb:${var.region}:${local.account}:table/${var.prefix}-${name}" }

  function_name = { for name in local.names.pool_functions : name => "${var.prefix}-${name}" }

  # A pool has one direction, and so only the triggers of that direction.
  triggers = local.is_feeding ? ["pre_sign_up", "post_confirmation", "post_authentication"] : ["user_migration"]
  function = aws_lambda_function.this["cognito"].arn
}

resource "aws_cognito_user_pool" "this" {
  #checkov:skip=CKV_AWS_372:Multi-factor authentication is the operator's choice: `mfa`.

  name                = var.name
  user_pool_tier      = var.plan
  deletion_protection = var.deletion_protection ? "ACTIVE" : "INACTIVE"
  mfa_configuration   = var.mfa

  username_attributes      = ["email"]
  auto_verified_attributes = ["email"]

  username_configuration {
    case_sensitive = false
  }

  # No person signs up in a pool whose users come from Umoja.
  admin_create_user_config {
    allow_admin_create_user_only = !local.is_feeding
  }

  user_attribute_update_settings {
    attributes_require_verification_before_update = ["email"]
  }

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }

  password_policy {
    minimum_length                   = 8
    require_lowercase                = false
    require_numbers                  = false
    require_symbols                  = false
    require_uppercase                = false
    temporary_password_validity_days = 7
  }

  dynamic "software_token_mfa_configuration" {
    for_each = var.mfa == "OFF" ? [] : [true]
    content {
      enabled = true
    }
  }

  # Umoja's id of a user that came from Umoja. It is set once, by the answer to the first login.
  dynamic "schema" {
    for_each = local.is_feeding ? [] : [true]
    content {
      name                = "umoja_id"
      attribute_data_type = "String"
      mutable             = false

      string_attribute_constraints {
        min_length = 36
        max_length = 36
      }
    }
  }

  lambda_config {
    pre_sign_up         = local.is_feeding ? local.function : null
    post_confirmation   = local.is_feeding ? local.function : null
    post_authentication = local.is_feeding ? local.function : null
    user_migration      = local.is_feeding ? null : local.function

    # Version 1 changes ID tokens, version 2 access tokens too.
    pre_token_generation = var.plan == "LITE" ? local.function : null

    dynamic "pre_token_generation_config" {
      for_each = var.plan == "LITE" ? [] : [true]
      content {
        lambda_arn     = local.function
        lambda_version = "V2_0"
      }
    }
  }
}

resource "aws_cognito_user_pool_client" "this" {
  name         = var.name
  user_pool_id = aws_cognito_user_pool.this.id

  # A migration needs the password as it was typed.
  explicit_auth_flows = concat(["ALLOW_REFRESH_TOKEN_AUTH"], local.is_feeding ? ["ALLOW_USER_SRP_AUTH"] : ["ALLOW_USER_PASSWORD_AUTH"])

  # No caller learns whether a person is known.
  prevent_user_existence_errors = "ENABLED"
  enable_token_revocation       = true

  # Never `custom:umoja_id`: who may write it can become any user of the company.
  write_attributes = ["email", "family_name", "given_name", "locale", "name", "zoneinfo"]
}

# Only this pool may call the function.
resource "aws_lambda_permission" "pool" {
  statement_id   = "UserPool"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.this["cognito"].function_name
  principal      = "cognito-idp.amazonaws.com"
  source_arn     = aws_cognito_user_pool.this.arn
  source_account = local.account
}
