# Webhooks and targets: the queue of systems at which something is due wakes `deliver`, and a schedule looks for what is due.

resource "aws_lambda_event_source_mapping" "deliver" {
  event_source_arn        = aws_sqs_queue.this[local.names.queues.deliver].arn
  function_name           = aws_lambda_function.this["deliver"].arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]

  # At one system works one instance at a time, whatever this allows.
  scaling_config {
    maximum_concurrency = var.deliver.concurrency
  }

  # Lambda checks the role's permissions when the mapping is created.
  depends_on = [aws_iam_role_policy.function]
}
