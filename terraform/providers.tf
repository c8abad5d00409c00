# The provider takes credentials, and an endpoint other than AWS's own, from the environment (`AWS_PROFILE`,
# `AWS_ENDPOINT_URL`), never from these files.
provider "aws" {
  region = var.region

  default_tags {
    tags = merge(var.tags, {
      "umoja:deployment" = var.prefix
    })
  }
}
