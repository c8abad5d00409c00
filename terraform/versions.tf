terraform {
  # 1.9: a variable's validation may look at another variable. 1.10: the S3 backend locks by itself.
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}
