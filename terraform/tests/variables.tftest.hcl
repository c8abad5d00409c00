# The values that validation rejects, and the root module with the examples' values.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  region   = "eu-west-1"
  regions  = ["eu-west-1", "us-east-1"]
  packages = "tests/packages"
}

run "the_root" {
  assert {
    condition     = output.base_url == "https://mock.execute-api.eu-west-1.amazonaws.com"
    error_message = "The root must return the module's outputs."
  }
  assert {
    condition     = toset(keys(output.queues)) == toset(["retry-us-east-1", "retry-us-east-1-dead", "keys", "keys-dead", "merges", "merges-dead", "ingest", "ingest-dead", "deliver", "deliver-dead", "quarantined", "quarantined-dead", "stream-failures", "schedule-failures", "topic-failures"])
    error_message = "The output must contain all queues."
  }
}

run "own_region_is_in_the_list" {
  command = plan

  variables {
    region = "af-south-1"
  }

  expect_failures = [var.region]
}

run "prefixes_are_short_and_plain" {
  command = plan

  variables {
    prefix = "Umoja_Identity"
  }

  expect_failures = [var.prefix]
}

run "regions_are_regions" {
  command = plan

  variables {
    regions = ["eu-west-1", "mars"]
  }

  expect_failures = [var.regions]
}

run "regions_are_listed_once" {
  command = plan

  variables {
    regions = ["eu-west-1", "us-east-1", "us-east-1"]
  }

  expect_failures = [var.regions]
}

run "base_urls_have_no_trailing_slash" {
  command = plan

  variables {
    base_url = "https://eu.id.example.com/"
  }

  expect_failures = [var.base_url]
}

run "endpoints_are_of_known_regions" {
  command = plan

  variables {
    endpoints = { ap-south-1 = "https://link.example" }
  }

  expect_failures = [var.endpoints]
}

run "records_are_not_older_than_the_stream" {
  command = plan

  variables {
    stream = { max_age = 86400 }
  }

  expect_failures = [var.stream]
}

run "architectures" {
  command = plan

  variables {
    architecture = "riscv64"
  }

  expect_failures = [var.architecture]
}

run "schedules_are_expressions" {
  command = plan

  variables {
    schedules = { anti_entropy = "daily" }
  }

  expect_failures = [var.schedules]
}

run "an_http_api_waits_30_seconds" {
  command = plan

  variables {
    functions = { api = { timeout = 60 } }
  }

  expect_failures = [var.functions]
}

run "operators_are_arns" {
  command = plan

  variables {
    operators = ["alice"]
  }

  expect_failures = [var.operators]
}

run "an_issuer_has_no_path" {
  command = plan

  variables {
    oidc = { issuer = "https://login.example.com/oidc" }
  }

  expect_failures = [var.oidc]
}

run "a_web_acl_is_one_of_a_region" {
  command = plan

  variables {
    oidc = { web_acl = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/umoja/1" }
  }

  expect_failures = [var.oidc]
}
