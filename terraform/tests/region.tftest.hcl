# The resources of one region. Runs without AWS: the provider is a mock.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  region   = "eu-west-1"
  regions  = ["eu-west-1", "us-east-1", "af-south-1"]
  packages = "tests/packages"
}

run "names" {
  module {
    source = "./modules/region"
  }

  assert {
    condition     = toset([for table in aws_dynamodb_table.this : table.name]) == toset([for name, _ in jsondecode(file("../schema/generated/names.json")).tables : "umoja-${name}"])
    error_message = "The tables must be exactly those of names.json."
  }
  assert {
    condition     = toset([for queue in aws_sqs_queue.this : queue.name]) == toset(["umoja-retry-us-east-1", "umoja-retry-af-south-1", "umoja-keys", "umoja-merges", "umoja-ingest", "umoja-deliver", "umoja-quarantined"])
    error_message = "There must be a retry queue for each peer and none for the own region."
  }
  assert {
    condition     = toset([for queue in aws_sqs_queue.dead : queue.name]) == toset([for queue in aws_sqs_queue.this : "${queue.name}-dead"])
    error_message = "Each queue must have a dead-letter queue named after it."
  }
  assert {
    condition     = toset([for function in aws_lambda_function.this : function.function_name]) == toset([for name in jsondecode(file("../schema/generated/names.json")).functions : "umoja-${name}"])
    error_message = "The functions must be exactly those of names.json."
  }
  assert {
    condition     = alltrue([for name, role in aws_iam_role.function : role.name == "umoja-eu-west-1-${name}"])
    error_message = "Roles are named by region, because IAM has none."
  }
  assert {
    condition     = aws_kms_alias.data.name == "alias/umoja-data" && aws_kms_alias.proof.name == "alias/umoja-proof" && aws_kms_alias.rest.name == "alias/umoja-rest"
    error_message = "The keys must have their aliases."
  }
}

run "longest_names_fit" {
  module {
    source = "./modules/region"
  }

  variables {
    prefix  = "abcdefghij-klmnopqrs"
    region  = "ap-northeast-1"
    regions = ["ap-northeast-1", "ap-southeast-1"]
  }

  assert {
    condition     = alltrue([for role in aws_iam_role.function : length(role.name) <= 64])
    error_message = "IAM limits names to 64 characters."
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.this : length(function.function_name) <= 64])
    error_message = "Lambda limits names to 64 characters."
  }
}

run "tables" {
  module {
    source = "./modules/region"
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.deletion_protection_enabled && table.point_in_time_recovery[0].enabled && table.server_side_encryption[0].enabled && table.billing_mode == "PAY_PER_REQUEST"])
    error_message = "Tables are protected against deletion, can be restored, are encrypted with a key of the deployment's, and are paid by request."
  }
  assert {
    condition     = alltrue([for name, table in aws_dynamodb_table.this : table.stream_enabled == contains(["users", "journal", "receipts", "audit", "events", "target_accounts", "access"], name)])
    error_message = "Exactly the replicated tables have a stream."
  }
  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.stream_view_type == "NEW_IMAGE" if table.stream_enabled])
    error_message = "Streams carry new images only."
  }
  assert {
    condition     = [for name, table in aws_dynamodb_table.this : name if length(table.ttl) > 0] == ["access", "attempts", "events", "idempotency", "inbox", "replays"]
    error_message = "Exactly the tables with temporary items have an expiry."
  }
  assert {
    condition     = jsondecode(jsondecode(aws_dynamodb_table_item.infrastructure.item).document.S).region == "eu-west-1"
    error_message = "The infrastructure's document names the region."
  }
  assert {
    condition     = jsondecode(jsondecode(aws_dynamodb_table_item.infrastructure.item).document.S).queues == "https://sqs.eu-west-1.amazonaws.com/123456789012"
    error_message = "The infrastructure's document contains the URL of the queues, without a trailing slash."
  }
  assert {
    condition     = jsondecode(jsondecode(aws_dynamodb_table_item.infrastructure.item).document.S).base_url == "https://mock.execute-api.eu-west-1.amazonaws.com"
    error_message = "Without a domain the base URL is the HTTP API's."
  }
  assert {
    condition     = jsondecode(jsondecode(aws_dynamodb_table_item.infrastructure.item).document.S).data_key == aws_kms_key.data.arn && jsondecode(jsondecode(aws_dynamodb_table_item.infrastructure.item).document.S).proof_key == aws_kms_key.proof.arn
    error_message = "The infrastructure's document names the data key."
  }
  assert {
    condition     = jsondecode(aws_dynamodb_table_item.infrastructure.item).id.S == "infrastructure"
    error_message = "The infrastructure's document is where the programs look for it."
  }
}

run "deletion_protection_is_a_choice" {
  module {
    source = "./modules/region"
  }

  variables {
    deletion_protection = false
  }

  assert {
    condition     = !anytrue([for table in aws_dynamodb_table.this : table.deletion_protection_enabled])
    error_message = "Without protection tables can be destroyed."
  }
}

run "streams" {
  module {
    source = "./modules/region"
  }

  assert {
    condition     = toset(keys(aws_lambda_event_source_mapping.replicator)) == toset(["users", "journal", "receipts", "audit", "events", "target_accounts", "access"])
    error_message = "Every stream has a mapping."
  }
  assert {
    condition = alltrue([
      for mapping in aws_lambda_event_source_mapping.replicator :
      [for filter in one(mapping.filter_criteria).filter : jsondecode(filter.pattern)] == [{ dynamodb = { NewImage = { origin = { S = ["eu-west-1"] } } } }]
    ])
    error_message = "Only writes of the own region start the replicator."
  }
  assert {
    condition     = toset(keys(aws_lambda_event_source_mapping.feed)) == toset(["users", "receipts", "events", "target_accounts"])
    error_message = "The feed reads the tables whose changes concern companies and their systems."
  }
  assert {
    condition = {
      for table, mapping in aws_lambda_event_source_mapping.feed :
      table => flatten([for criteria in mapping.filter_criteria : [for filter in criteria.filter : jsondecode(filter.pattern).dynamodb.NewImage.origin.S]])
      } == {
      users           = []
      receipts        = ["eu-west-1"]
      events          = ["us-east-1", "af-south-1"]
      target_accounts = ["eu-west-1", "us-east-1", "af-south-1"]
    }
    error_message = "All changes of users start the feed, the own region's receipts, and what arrives from other regions for systems."
  }
  assert {
    condition     = alltrue([for mapping in aws_lambda_event_source_mapping.feed : mapping.parallelization_factor == 1])
    error_message = "Two batches of a shard would take turns at the numbers of a company."
  }
  assert {
    condition     = alltrue([for mapping in concat(values(aws_lambda_event_source_mapping.replicator), values(aws_lambda_event_source_mapping.feed)) : mapping.starting_position == "TRIM_HORIZON"])
    error_message = "A mapping begins at the oldest record."
  }
  assert {
    condition     = alltrue([for mapping in concat(values(aws_lambda_event_source_mapping.replicator), values(aws_lambda_event_source_mapping.feed)) : mapping.bisect_batch_on_function_error && contains(mapping.function_response_types, "ReportBatchItemFailures") && mapping.maximum_retry_attempts == -1])
    error_message = "A failing record does not block its batch and is retried until it reaches the greatest age."
  }
  assert {
    condition     = alltrue([for mapping in concat(values(aws_lambda_event_source_mapping.replicator), values(aws_lambda_event_source_mapping.feed)) : mapping.maximum_record_age_in_seconds < 86400 && length(mapping.destination_config) == 1])
    error_message = "Failing records are reported before the stream drops them."
  }
}

run "queues" {
  module {
    source = "./modules/region"
  }

  assert {
    condition     = alltrue([for queue in aws_sqs_queue.this : queue.message_retention_seconds == 1209600 && jsondecode(queue.redrive_policy).maxReceiveCount > 4])
    error_message = "Messages are kept for 14 days, and received more often than the reconcilers wait for before they replace one."
  }
  assert {
    condition     = alltrue([for queue in merge(aws_sqs_queue.dead, aws_sqs_queue.end) : queue.message_retention_seconds == 1209600])
    error_message = "Dead letters are kept for 14 days."
  }
  assert {
    condition     = alltrue([for queue in concat(values(aws_sqs_queue.this), values(aws_sqs_queue.dead), values(aws_sqs_queue.end)) : contains(["umoja-ingest", "umoja-ingest-dead", "umoja-topic-failures"], queue.name) ? queue.kms_master_key_id == aws_kms_key.rest.arn : queue.sqs_managed_sse_enabled])
    error_message = "Queues are encrypted, those of events by the key at rest."
  }
  assert {
    condition     = alltrue([for policy in aws_sqs_queue_redrive_allow_policy.dead : jsondecode(policy.redrive_allow_policy).redrivePermission == "byQueue" && length(jsondecode(policy.redrive_allow_policy).sourceQueueArns) == 1])
    error_message = "Dead letters come from their queue only."
  }
}

run "functions" {
  module {
    source = "./modules/region"
  }

  variables {
    endpoints = { us-east-1 = "https://link.example:8443" }
  }

  assert {
    condition     = alltrue([for name, function in aws_lambda_function.this : function.environment[0].variables.UMOJA_PREFIX == "umoja" && function.environment[0].variables.UMOJA_ENDPOINT_US_EAST_1 == "https://link.example:8443" && length(function.environment[0].variables) == (name == "ingest" ? 4 : 3)])
    error_message = "A function's environment contains only the prefix, the given endpoints and the log level, and for ingest the topic."
  }
  assert {
    condition     = aws_lambda_function.this["ingest"].environment[0].variables.UMOJA_TOPIC == "arn:aws:sns:eu-west-1:123456789012:umoja-accepted-events"
    error_message = "The function that accepts events publishes to their topic."
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.this : function.runtime == "provided.al2023" && function.handler == "bootstrap"])
    error_message = "Functions are binaries."
  }
  assert {
    condition     = aws_lambda_function.this["api"].memory_size == 1024
    error_message = "The api has one vCPU."
  }
  assert {
    condition     = alltrue([for schedule in aws_scheduler_schedule.this : schedule.state == "ENABLED" && one(one(schedule.target).dead_letter_config).arn != null])
    error_message = "Schedules run and report failed starts."
  }
  assert {
    condition     = aws_scheduler_schedule.this["reconcile-writes"].schedule_expression == "rate(1 minute)" && aws_scheduler_schedule.this["reconcile-keys"].schedule_expression == "rate(1 minute)" && aws_scheduler_schedule.this["reconcile-merges"].schedule_expression == "rate(1 minute)" && aws_scheduler_schedule.this["anti-entropy"].schedule_expression == "rate(1 hour)"
    error_message = "The scheduled functions must run as often as documented."
  }
}

run "deliveries" {
  module {
    source = "./modules/region"
  }

  assert {
    condition     = aws_lambda_event_source_mapping.deliver.function_name == aws_lambda_function.this["deliver"].arn && contains(aws_lambda_event_source_mapping.deliver.function_response_types, "ReportBatchItemFailures") && one(aws_lambda_event_source_mapping.deliver.scaling_config).maximum_concurrency == 10
    error_message = "The queue of deliveries starts their function, with a limit of batches at a time."
  }
  assert {
    condition     = aws_sqs_queue.this["deliver"].visibility_timeout_seconds == 6 * aws_lambda_function.this["deliver"].timeout
    error_message = "A message of a function that was killed comes back after six time-outs."
  }
  assert {
    condition     = !anytrue([for function in aws_lambda_function.this : contains(keys(function.environment[0].variables), "UMOJA_OUTBOUND_LOOPBACK")])
    error_message = "No function calls its own machine unless that is chosen."
  }
  assert {
    condition     = aws_scheduler_schedule.this["reconcile-targets"].schedule_expression == "rate(1 minute)"
    error_message = "What is due is looked for each minute."
  }
}

run "deliveries_on_an_emulator" {
  module {
    source = "./modules/region"
  }

  variables {
    deliver = { loopback = true }
  }

  assert {
    condition     = [for name, function in aws_lambda_function.this : name if contains(keys(function.environment[0].variables), "UMOJA_OUTBOUND_LOOPBACK")] == ["deliver"] && aws_lambda_function.this["deliver"].environment[0].variables.UMOJA_OUTBOUND_LOOPBACK == "true"
    error_message = "Only the deliveries may call their own machine, where that is chosen."
  }
}

run "the_only_region" {
  module {
    source = "./modules/region"
  }

  variables {
    regions = ["eu-west-1"]
  }

  assert {
    condition     = toset(keys(aws_lambda_event_source_mapping.feed)) == toset(["users", "receipts", "target_accounts"]) && length(one(aws_lambda_event_source_mapping.feed["target_accounts"].filter_criteria).filter) == 1
    error_message = "Nothing arrives from other regions."
  }
}

run "api" {
  module {
    source = "./modules/region"
  }

  assert {
    condition     = aws_apigatewayv2_route.default.route_key == "$default" && length(aws_apigatewayv2_api.this.cors_configuration) == 0
    error_message = "There must be one route and no CORS configuration."
  }
  assert {
    condition     = !anytrue([for word in ["identity", "sourceIp", "path", "querystring", "header", "userAgent", "authorizer", "domainName"] : strcontains(one(aws_apigatewayv2_stage.default.access_log_settings).format, word)])
    error_message = "The access log contains no personal data."
  }
  assert {
    condition     = length(aws_route53_record.shared) == 0 && length(aws_apigatewayv2_domain_name.this) == 0 && !aws_apigatewayv2_api.this.disable_execute_api_endpoint
    error_message = "Without a domain there must be no names."
  }
}

run "sources" {
  module {
    source = "./modules/region"
  }

  assert {
    condition     = toset(keys(aws_api_gateway_method.events)) == toset(["GET", "POST"]) && alltrue([for method in aws_api_gateway_method.events : method.api_key_required])
    error_message = "The gateway wants a key for every method."
  }
  assert {
    condition     = aws_api_gateway_rest_api.sources.endpoint_configuration[0].types == tolist(["REGIONAL"]) && aws_api_gateway_rest_api.sources.api_key_source == "HEADER"
    error_message = "The REST API is the region's own, and its key is in a header."
  }
  assert {
    condition     = !anytrue([for word in ["sourceIp", "path", "Path", "querystring", "header", "userAgent", "authorizer", "domainName", "error", "apiKey\""] : strcontains(one(aws_api_gateway_stage.sources.access_log_settings).format, word)])
    error_message = "The access log contains no personal data."
  }
  assert {
    condition     = one(aws_api_gateway_method_settings.sources.settings).logging_level == "OFF" && !one(aws_api_gateway_method_settings.sources.settings).data_trace_enabled
    error_message = "The execution log, which has query strings and bodies, is off."
  }
  assert {
    condition     = one(aws_api_gateway_usage_plan.sources.throttle_settings).rate_limit == 500 && one(aws_api_gateway_method_settings.sources.settings).throttling_rate_limit == 500
    error_message = "The usage plan and the stage limit the requests."
  }
  assert {
    condition     = aws_sns_topic_subscription.ingest.raw_message_delivery && can(jsondecode(aws_sns_topic_subscription.ingest.redrive_policy).deadLetterTargetArn) && aws_sns_topic.accepted.kms_master_key_id == aws_kms_key.rest.arn
    error_message = "The topic is encrypted, delivers raw messages, and has dead letters."
  }
  assert {
    condition     = alltrue([for policy in aws_sqs_queue_policy.accepted : alltrue([for statement in jsondecode(policy.policy).Statement : statement.Principal == { Service = "sns.amazonaws.com" } && statement.Action == "sqs:SendMessage" && statement.Condition.ArnEquals["aws:SourceArn"] == aws_sns_topic.accepted.arn])])
    error_message = "Only the topic of accepted events sends into the queues of events."
  }
  assert {
    condition     = aws_lambda_event_source_mapping.ingest.function_response_types == toset(["ReportBatchItemFailures"]) && aws_sqs_queue.this["ingest"].visibility_timeout_seconds >= 6 * aws_lambda_function.this["ingest-worker"].timeout
    error_message = "A batch fails in parts, and its messages come back after six time-outs of the worker."
  }
  assert {
    condition     = aws_apigatewayv2_route.scim.route_key == "ANY /scim/v2/{proxy+}"
    error_message = "SCIM is served at the base URL."
  }
  assert {
    condition = [for route in aws_apigatewayv2_stage.default.route_settings : [route.route_key, route.throttling_rate_limit, route.throttling_burst_limit]] == [
      ["ANY /scim/v2/{proxy+}", 100, 200]
    ] && one(aws_apigatewayv2_stage.default.default_route_settings).throttling_rate_limit == 500
    error_message = "SCIM has a limit of its own, so that it does not use up the requests of the API."
  }
  assert {
    condition     = aws_scheduler_schedule.this["ingest-worker"].schedule_expression == "rate(5 minutes)"
    error_message = "The worker must ring again as often as documented."
  }
  assert {
    condition     = jsondecode(jsondecode(aws_dynamodb_table_item.infrastructure.item).document.S).sources_url == output.sources_url
    error_message = "The infrastructure's document has the URL that sources post to."
  }
}

run "sign_on" {
  module {
    source = "./modules/region"
  }

  assert {
    condition     = aws_api_gateway_resource.oidc.path_part == "{proxy+}" && aws_api_gateway_method.oidc.http_method == "ANY" && aws_api_gateway_method.issuer.http_method == "ANY" && aws_api_gateway_rest_api.oidc.endpoint_configuration[0].types == tolist(["REGIONAL"])
    error_message = "One route of a REST API of the region leads to the function."
  }
  assert {
    condition     = !anytrue([for word in ["identity", "sourceIp", "path", "Path", "querystring", "header", "userAgent", "authorizer", "domainName", "error"] : strcontains(one(aws_api_gateway_stage.oidc.access_log_settings).format, word)])
    error_message = "The access log contains no personal data."
  }
  assert {
    condition     = one(aws_api_gateway_method_settings.oidc.settings).logging_level == "OFF" && !one(aws_api_gateway_method_settings.oidc.settings).data_trace_enabled
    error_message = "The execution log, which has query strings and cookies, is off."
  }
  assert {
    condition     = one(aws_api_gateway_method_settings.oidc.settings).throttling_rate_limit == 500 && one(aws_api_gateway_method_settings.oidc.settings).throttling_burst_limit == 1000
    error_message = "The stage limits the requests."
  }
  assert {
    condition     = output.issuer == null && !contains(keys(aws_lambda_function.this["oidc"].environment[0].variables), "UMOJA_ISSUER") && length(aws_wafv2_web_acl_association.oidc) == 0
    error_message = "Nothing is served without an issuer, and a web ACL is a choice."
  }
  assert {
    condition     = endswith(aws_lambda_permission.oidc.source_arn, "/oidc/*/*")
    error_message = "Only its own REST API invokes the function."
  }
  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.failures)) == toset(["api", "oidc"]) && aws_cloudwatch_metric_alarm.this["oidc-latency"].dimensions == tomap({ ApiName = "umoja-oidc" })
    error_message = "Failures and slow answers of both gateways raise an alarm."
  }
}

run "sign_on_behind_a_firewall_and_a_given_url" {
  module {
    source = "./modules/region"
  }

  variables {
    oidc = { issuer = "https://login.example.com", rate = 50, burst = 60, web_acl = "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/umoja/1" }
  }

  assert {
    condition     = output.issuer == "https://login.example.com" && [for name, function in aws_lambda_function.this : name if contains(keys(function.environment[0].variables), "UMOJA_ISSUER")] == ["api", "deliver", "oidc"] && aws_lambda_function.this["oidc"].environment[0].variables.UMOJA_ISSUER == "https://login.example.com"
    error_message = "The function gets the issuer, and so do who informs clients of logouts and who takes tokens of users."
  }
  assert {
    condition     = aws_wafv2_web_acl_association.oidc[0].web_acl_arn == "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/umoja/1" && one(aws_api_gateway_method_settings.oidc.settings).throttling_rate_limit == 50
    error_message = "The web ACL filters the stage, and the limits are choices."
  }
}

run "mail" {
  module {
    source = "./modules/region"
  }

  variables {
    mail_from = "no-reply@id.example.com"
  }

  assert {
    condition     = [for name, function in aws_lambda_function.this : name if contains(keys(function.environment[0].variables), "UMOJA_MAIL_FROM")] == ["api", "oidc"]
    error_message = "Two functions send mail."
  }
  assert {
    condition     = [for name, role in aws_iam_role_policy.function : name if strcontains(role.policy, "ses:SendEmail")] == ["api", "oidc"]
    error_message = "No other function may."
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.function["oidc"].policy).Statement : statement.Resource if statement.Sid == "SendMail"] == [["arn:aws:ses:eu-west-1:123456789012:identity/no-reply@id.example.com", "arn:aws:ses:eu-west-1:123456789012:identity/id.example.com"]]
    error_message = "Only as the identity of the sender."
  }
}

run "issuer_domain" {
  module {
    source = "./modules/region"
  }

  variables {
    domain = {
      name            = "eu.id.example.com"
      certificate_arn = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
      zone_id         = "ZEXAMPLE"
      execute_api     = false
      issuer = {
        name            = "login.example.com"
        certificate_arn = "arn:aws:acm:eu-west-1:123456789012:certificate/3"
      }
    }
  }

  assert {
    condition     = output.issuer == "https://login.example.com" && aws_lambda_function.this["oidc"].environment[0].variables.UMOJA_ISSUER == "https://login.example.com"
    error_message = "The name is the issuer's."
  }
  assert {
    condition     = one(aws_route53_record.shared["issuer"].latency_routing_policy).region == "eu-west-1" && aws_route53_record.shared["issuer"].health_check_id != null && keys(aws_route53_record.shared) == ["issuer"]
    error_message = "The nearest region that is ready answers the issuer's name."
  }
  assert {
    condition     = aws_apigatewayv2_api_mapping.this["issuer"].stage == "oidc" && aws_apigatewayv2_api_mapping.this["own"].stage != "oidc"
    error_message = "The issuer's name leads to single sign-on, and no other one does."
  }
  assert {
    condition     = aws_api_gateway_rest_api.oidc.disable_execute_api_endpoint
    error_message = "The own address of single sign-on can be turned off."
  }
}

run "sources_of_an_account_with_a_role_and_senders_of_one_header" {
  module {
    source = "./modules/region"
  }

  variables {
    sources = { account_role = false, key_required = false, url = "https://feeds.example.com" }
  }

  assert {
    condition     = length(aws_api_gateway_account.this) == 0 && length(aws_iam_role.gateway) == 0
    error_message = "The account's role can be that of others."
  }
  assert {
    condition     = !anytrue([for method in aws_api_gateway_method.events : method.api_key_required]) && output.sources_url == "https://feeds.example.com"
    error_message = "The gateway's key and the URL are choices."
  }
}

run "domain" {
  module {
    source = "./modules/region"
  }

  variables {
    domain = {
      name            = "eu.id.example.com"
      certificate_arn = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
      zone_id         = "ZEXAMPLE"
      execute_api     = false
      shared = {
        name            = "id.example.com"
        certificate_arn = "arn:aws:acm:eu-west-1:123456789012:certificate/2"
      }
    }
  }

  assert {
    condition     = output.base_url == "https://eu.id.example.com"
    error_message = "Clients sign for the region's own name, not for the shared one."
  }
  assert {
    condition     = aws_apigatewayv2_api.this.disable_execute_api_endpoint
    error_message = "The HTTP API's own address can be turned off."
  }
  assert {
    condition     = one(aws_route53_record.shared["shared"].latency_routing_policy).region == "eu-west-1" && aws_route53_record.shared["shared"].health_check_id != null
    error_message = "The nearest region that is ready answers the shared name."
  }
  assert {
    condition     = aws_route53_health_check.ready["shared"].fqdn == "eu.id.example.com" && aws_route53_health_check.ready["shared"].resource_path == "/readyz"
    error_message = "The health check must use the region's own name."
  }
}

run "base_url_overrides" {
  module {
    source = "./modules/region"
  }

  variables {
    base_url = "http://127.0.0.1:8080/eu"
  }

  assert {
    condition     = output.base_url == "http://127.0.0.1:8080/eu"
    error_message = "The given base URL must be used."
  }
}

run "alarms" {
  module {
    source = "./modules/region"
  }

  assert {
    condition = length(setsubtract([
      "umoja-iterator-age", "umoja-feed-age", "umoja-retry-us-east-1-age", "umoja-retry-us-east-1-depth", "umoja-retry-us-east-1-dead", "umoja-keys-dead",
      "umoja-quarantined", "umoja-quarantined-dead", "umoja-stream-failures", "umoja-schedule-failures", "umoja-missing-wrapped-keys",
      "umoja-replication-lag", "umoja-api-latency", "umoja-api-errors", "umoja-replicator-throttles", "umoja-users-write-throttles", "umoja-kms-errors",
      "umoja-uncounted-logins", "umoja-credential-stuffing", "umoja-parked-events", "umoja-waiting-events", "umoja-ingest-dead", "umoja-topic-failures",
      "umoja-oldest-logout-notice", "umoja-given-up-logout-notices",
    ], [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name])) == 0
    error_message = "An alarm is missing."
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : contains(alarm.alarm_actions, aws_sns_topic.alarms.arn)])
    error_message = "Every alarm goes to the topic."
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : contains(keys(jsondecode(file("../schema/generated/names.json")).metrics.units), alarm.metric_name) if alarm.namespace == "Umoja"])
    error_message = "Alarms must use metrics that the programs write."
  }
}

run "a_single_region" {
  module {
    source = "./modules/region"
  }

  variables {
    regions = ["eu-west-1"]
  }

  assert {
    condition     = length(aws_sqs_queue.this) == 5
    error_message = "The first region has no retry queue."
  }
  assert {
    condition     = alltrue(flatten([for policy in aws_iam_role_policy.function : [for statement in jsondecode(policy.policy).Statement : length(statement.Resource) > 0]]))
    error_message = "IAM rejects a statement without resources."
  }
}
