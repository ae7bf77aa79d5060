mock_provider "aws" {
  override_during = plan
}

variables {
  name        = "tms-test"
  kms_key_arn = "arn:aws:kms:ap-south-1:123456789012:key/test"
}

run "nothing_is_public_or_in_clear" {
  command = plan

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "All four ways to the public are closed."
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.this.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "A request without TLS is denied."
  }

  assert {
    condition = [
      for rule in aws_s3_bucket_server_side_encryption_configuration.this.rule :
      rule.apply_server_side_encryption_by_default[0].sse_algorithm
    ] == ["aws:kms"]
    error_message = "Objects are encrypted with a key of ours."
  }
}

run "what_was_overwritten_can_be_brought_back" {
  command = plan

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "Versions are kept."
  }
}
