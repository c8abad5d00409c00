region = "af-south-1"

domain = {
  name            = "af.id.example.com"
  certificate_arn = "arn:aws:acm:af-south-1:123456789012:certificate/00000000-0000-4000-8000-000000000021"
  zone_id         = "Z0000000EXAMPLE"
  execute_api     = false
  shared = {
    name            = "id.example.com"
    certificate_arn = "arn:aws:acm:af-south-1:123456789012:certificate/00000000-0000-4000-8000-000000000022"
  }
}
