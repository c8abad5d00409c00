terraform {
  # 1.9: a variable's validation may use another variable. 1.10: the S3 backend has its own locks.
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}
