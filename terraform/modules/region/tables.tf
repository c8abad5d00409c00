# Every region has all tables. Replicated tables have a stream with new images only: no deletion is replicated, and no
# function needs the replaced image.

resource "aws_dynamodb_table" "this" {
  for_each = local.names.tables

  name                        = "${var.prefix}-${each.key}"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = each.value.keys.hash_key
  range_key                   = try(each.value.keys.range_key, null)
  stream_enabled              = each.value.stream
  stream_view_type            = each.value.stream ? "NEW_IMAGE" : null
  deletion_protection_enabled = var.deletion_protection

  dynamic "attribute" {
    for_each = each.value.keys
    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "ttl" {
    for_each = try([each.value.ttl], [])
    content {
      attribute_name = ttl.value
      enabled        = true
    }
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.rest.arn
  }
}

# The values of this region's infrastructure that the programs need. The functions and the command line read them here,
# so no operator types a URL or an ARN. `umoja init` builds the list of regions from every region's item.
resource "aws_dynamodb_table_item" "infrastructure" {
  table_name = aws_dynamodb_table.this["settings"].name
  hash_key   = local.names.tables.settings.keys.hash_key

  item = jsonencode({
    (local.names.tables.settings.keys.hash_key) = { S = local.names.settings.infrastructure }
    (local.names.document) = {
      S = jsonencode({
        region    = var.region
        base_url  = local.base_url
        data_key  = aws_kms_key.data.arn
        proof_key = aws_kms_key.proof.arn
        queues    = local.queues_url
        regions   = var.regions

        sources_url = local.sources_url
      })
    }
  })
}
