# What all regions have in common. Every apply takes this file and the region's own.
prefix  = "umoja"
regions = ["eu-west-1", "us-east-1"]

# Who runs `umoja init`, `umoja region` and the like: the data keys of all regions are theirs to use, besides the
# functions'.
operators = ["arn:aws:iam::123456789012:role/umoja-operators"]

alarms = {
  emails = ["oncall@example.com"]
}

tags = {
  owner = "identity"
}
