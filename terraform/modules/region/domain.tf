# The region's own name, and those that all regions share. Clients sign for a region by its own name. The nearest region that
# reports itself ready answers the others: one for health and discovery, and one for single sign-on, the issuer's.

locals {
  domains = merge(
    var.domain == null ? {} : { own = { name = var.domain.name, certificate_arn = var.domain.certificate_arn } },
    try(var.domain.shared, null) == null ? {} : { shared = var.domain.shared },
    try(var.domain.issuer, null) == null ? {} : { issuer = var.domain.issuer },
  )
  routed_domains = { for key, domain in local.domains : key => domain if key != "own" }
}

resource "aws_apigatewayv2_domain_name" "this" {
  for_each = local.domains

  domain_name = each.value.name

  domain_name_configuration {
    certificate_arn = each.value.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "this" {
  for_each = local.domains

  api_id      = each.key == "issuer" ? aws_api_gateway_rest_api.oidc.id : aws_apigatewayv2_api.this.id
  domain_name = aws_apigatewayv2_domain_name.this[each.key].id
  stage       = each.key == "issuer" ? aws_api_gateway_stage.oidc.stage_name : aws_apigatewayv2_stage.default.id
}

resource "aws_route53_record" "own" {
  for_each = { for key, domain in local.domains : key => domain if key == "own" }

  zone_id = var.domain.zone_id
  name    = each.value.name
  type    = "A"

  alias {
    name                   = aws_apigatewayv2_domain_name.this[each.key].domain_name_configuration[0].target_domain_name
    zone_id                = aws_apigatewayv2_domain_name.this[each.key].domain_name_configuration[0].hosted_zone_id
    evaluate_target_health = false
  }
}

resource "aws_route53_record" "shared" {
  for_each = local.routed_domains

  zone_id         = var.domain.zone_id
  name            = each.value.name
  type            = "A"
  set_identifier  = "${var.prefix}-${var.region}"
  health_check_id = aws_route53_health_check.ready["shared"].id

  latency_routing_policy {
    region = var.region
  }

  alias {
    name                   = aws_apigatewayv2_domain_name.this[each.key].domain_name_configuration[0].target_domain_name
    zone_id                = aws_apigatewayv2_domain_name.this[each.key].domain_name_configuration[0].hosted_zone_id
    evaluate_target_health = false
  }
}

# The check uses the region's own name, because another region could answer a shared one.
resource "aws_route53_health_check" "ready" {
  for_each = toset(length(local.routed_domains) > 0 ? ["shared"] : [])

  fqdn              = var.domain.name
  type              = "HTTPS"
  port              = 443
  resource_path     = "/readyz"
  request_interval  = 30
  failure_threshold = 3

  tags = { Name = "${var.prefix}-${var.region}" }
}
