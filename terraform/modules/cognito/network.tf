# The private variant: the functions in a network of their own, without an internet gateway and without NAT. They reach the
# services of the own region by endpoints, and no peer. A new data key is then wrapped by the own region only, at once;
# `reconcile-keys`, which runs outside of the network, has peers wrap it.

locals {
  is_private = var.network != null
  cidr       = try(var.network.cidr, "10.0.0.0/24")
  zones      = try(var.network.zones, [])

  # By interfaces: keys and queues, the list of the pool. Tables by a gateway.
  interfaces = local.is_private ? toset(["cognito-idp", "kms", "sqs"]) : toset([])
}

resource "aws_vpc" "this" {
  #checkov:skip=CKV2_AWS_11:The network has no way out but endpoints, whose calls CloudTrail records.
  #checkov:skip=CKV2_AWS_12:No resource uses the default group.

  count = local.is_private ? 1 : 0

  cidr_block           = local.cidr
  enable_dns_hostnames = true
  enable_dns_support   = true

  tags = { Name = "${var.prefix}-cognito" }
}

resource "aws_subnet" "this" {
  count = length(local.zones)

  vpc_id            = aws_vpc.this[0].id
  availability_zone = local.zones[count.index]
  cidr_block        = cidrsubnet(local.cidr, 2, count.index)

  tags = { Name = "${var.prefix}-cognito-${local.zones[count.index]}" }
}

resource "aws_route_table" "this" {
  count = local.is_private ? 1 : 0

  vpc_id = aws_vpc.this[0].id
}

resource "aws_route_table_association" "this" {
  count = length(local.zones)

  subnet_id      = aws_subnet.this[count.index].id
  route_table_id = aws_route_table.this[0].id
}

resource "aws_security_group" "function" {
  count = local.is_private ? 1 : 0

  name        = "${var.prefix}-cognito-functions"
  description = "Umoja: functions of a user pool"
  vpc_id      = aws_vpc.this[0].id
}

resource "aws_security_group" "endpoint" {
  #checkov:skip=CKV2_AWS_5:The endpoints use it.

  count = local.is_private ? 1 : 0

  name        = "${var.prefix}-cognito-endpoints"
  description = "Umoja: endpoints for functions of a user pool"
  vpc_id      = aws_vpc.this[0].id
}

resource "aws_vpc_security_group_ingress_rule" "endpoint" {
  count = local.is_private ? 1 : 0

  security_group_id            = aws_security_group.endpoint[0].id
  referenced_security_group_id = aws_security_group.function[0].id
  description                  = "TLS from the functions"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "interfaces" {
  count = local.is_private ? 1 : 0

  security_group_id            = aws_security_group.function[0].id
  referenced_security_group_id = aws_security_group.endpoint[0].id
  description                  = "TLS to the endpoints"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "tables" {
  count = local.is_private ? 1 : 0

  security_group_id = aws_security_group.function[0].id
  prefix_list_id    = aws_vpc_endpoint.tables[0].prefix_list_id
  description       = "TLS to the tables"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_endpoint" "tables" {
  count = local.is_private ? 1 : 0

  vpc_id            = aws_vpc.this[0].id
  service_name      = "com.amazonaws.${var.region}.dynamodb"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.this[0].id]
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.interfaces

  vpc_id              = aws_vpc.this[0].id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = aws_subnet.this[*].id
  security_group_ids  = [aws_security_group.endpoint[0].id]
}
