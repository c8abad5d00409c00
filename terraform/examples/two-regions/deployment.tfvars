# The values that all regions share. Every apply uses this file and the region's own.
prefix  = "umoja"
regions = ["eu-west-1", "us-east-1"]

# The roles that run `umoja init`, `umoja region` and other commands. They and the functions may use the data keys of
# all regions.
operators = ["arn:aws:iam::123456789012:role/umoja-operators"]

alarms = {
  emails = ["oncall@example.com"]
}

tags = {
  owner = "identity"
}
