# Three regions on arm64, each with its own name: clients sign for `eu.id.example.com` and so on, and the nearest region
# that is ready answers health and discovery for `id.example.com`.
prefix       = "identity"
regions      = ["eu-west-1", "us-east-1", "af-south-1"]
architecture = "arm64"

operators = [
  "arn:aws:iam::123456789012:role/umoja-operators",
  # The users that sign in by IAM Identity Center.
  "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_IdentityOperators_*",
]

functions = {
  api        = { concurrency = 200 }
  replicator = { memory = 512 }
}

schedules = {
  anti_entropy = "cron(0/20 1-5 * * ? *)"
}

stream = {
  parallelization = 4
}

throttling = {
  rate  = 2000
  burst = 4000
}

alarms = {
  emails                     = ["oncall@example.com", "identity@example.com"]
  replication_lag_p99_millis = 3000
}
