resource "aws_iam_role" "schedules" {
  name        = "${var.prefix}-${var.region}-schedules"
  description = "Umoja: starts the scheduled functions of ${var.region}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OwnSchedules"
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "schedules" {
  name = "permissions"
  role = aws_iam_role.schedules.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "StartFunctions"
        Effect = "Allow"
        Action = ["lambda:InvokeFunction"]
        Resource = [
          for name in keys(local.scheduled) :
          "arn:${local.partition}:lambda:${var.region}:${local.account}:function:${local.function_name[name]}"
        ]
      },
      {
        Sid      = "NoteWhatCouldNotBeStarted"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = ["${local.sqs}:${var.prefix}-schedule-failures"]
      },
    ]
  })
}
