# Events are hints. Who leads removes them; what nobody could remove ten times is put aside.
resource "aws_sqs_queue" "unread" {
  name_prefix               = "${var.name}-unread-"
  message_retention_seconds = 345600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue" "events" {
  name_prefix                = "${var.name}-events-"
  message_retention_seconds  = 3600
  visibility_timeout_seconds = 60
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.unread.arn
    maxReceiveCount     = 10
  })
}

locals {
  patterns = {
    route53 = {
      source      = ["aws.route53"]
      detail-type = ["AWS API Call via CloudTrail"]
      detail      = { eventSource = ["route53.amazonaws.com"] }
    }
    calls = {
      source      = ["aws.ec2", "aws.elasticloadbalancing"]
      detail-type = ["AWS API Call via CloudTrail"]
      detail = {
        eventName = [
          "AssignIpv6Addresses",
          "AssignPrivateIpAddresses",
          "AssociateAddress",
          "AttachNetworkInterface",
          "CreateNetworkInterface",
          "CreateTags",
          "DeleteNetworkInterface",
          "DeleteTags",
          "DeregisterTargets",
          "DetachNetworkInterface",
          "DisassociateAddress",
          "ModifyNetworkInterfaceAttribute",
          "RegisterTargets",
          "ReleaseAddress",
          "RunInstances",
          "StartInstances",
          "StopInstances",
          "TerminateInstances",
          "UnassignIpv6Addresses",
          "UnassignPrivateIpAddresses",
        ]
      }
    }
    states = {
      source      = ["aws.ec2"]
      detail-type = ["EC2 Instance State-change Notification"]
    }
  }
}

resource "aws_cloudwatch_event_rule" "here" {
  for_each      = local.patterns
  name_prefix   = "${var.name}-${each.key}-"
  event_pattern = jsonencode(each.value)
}

resource "aws_cloudwatch_event_target" "here" {
  for_each = local.patterns
  rule     = aws_cloudwatch_event_rule.here[each.key].name
  arn      = aws_sqs_queue.events.arn
}

data "aws_iam_policy_document" "events" {
  statement {
    sid       = "Events"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.events.arn]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [for rule in aws_cloudwatch_event_rule.here : rule.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "events" {
  queue_url = aws_sqs_queue.events.url
  policy    = data.aws_iam_policy_document.events.json
}

# Route 53's events are in us-east-1 alone: from there to the event bus of the fleet's region.
data "aws_iam_policy_document" "events_assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}

locals {
  bus = "arn:${local.partition}:events:${local.region}:${local.account}:event-bus/default"
}

resource "aws_iam_role" "events" {
  count              = local.elsewhere ? 1 : 0
  name_prefix        = "${var.name}-events-"
  assume_role_policy = data.aws_iam_policy_document.events_assume.json
}

resource "aws_iam_role_policy" "events" {
  count = local.elsewhere ? 1 : 0
  role  = aws_iam_role.events[0].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "Bus", Effect = "Allow", Action = "events:PutEvents", Resource = local.bus }]
  })
}

resource "aws_cloudwatch_event_rule" "us_east_1" {
  count         = local.elsewhere ? 1 : 0
  provider      = aws.us_east_1
  name_prefix   = "${var.name}-route53-"
  event_pattern = jsonencode(local.patterns.route53)
}

resource "aws_cloudwatch_event_target" "us_east_1" {
  count    = local.elsewhere ? 1 : 0
  provider = aws.us_east_1
  rule     = aws_cloudwatch_event_rule.us_east_1[0].name
  arn      = local.bus
  role_arn = aws_iam_role.events[0].arn
}

# CloudTrail's events reach EventBridge only while a trail logs.
resource "aws_s3_bucket" "trail" {
  count         = var.make_trail ? 1 : 0
  bucket_prefix = "${var.name}-trail-"
}

resource "aws_s3_bucket_public_access_block" "trail" {
  count                   = var.make_trail ? 1 : 0
  bucket                  = aws_s3_bucket.trail[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "trail" {
  count  = var.make_trail ? 1 : 0
  bucket = aws_s3_bucket.trail[0].id
  rule {
    id     = "a-month"
    status = "Enabled"
    filter {}
    expiration {
      days = 30
    }
  }
}

data "aws_iam_policy_document" "trail" {
  count = var.make_trail ? 1 : 0
  statement {
    sid       = "Asks"
    actions   = ["s3:GetBucketAcl"]
    resources = [aws_s3_bucket.trail[0].arn]
    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }
  }
  statement {
    sid       = "Writes"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.trail[0].arn}/AWSLogs/${local.account}/*"]
    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "s3:x-amz-acl"
      values   = ["bucket-owner-full-control"]
    }
  }
}

resource "aws_s3_bucket_policy" "trail" {
  count  = var.make_trail ? 1 : 0
  bucket = aws_s3_bucket.trail[0].id
  policy = data.aws_iam_policy_document.trail[0].json
}

resource "aws_cloudtrail" "writes" {
  count                         = var.make_trail ? 1 : 0
  name                          = var.name
  s3_bucket_name                = aws_s3_bucket.trail[0].id
  is_multi_region_trail         = true
  include_global_service_events = true
  event_selector {
    read_write_type           = "WriteOnly"
    include_management_events = true
  }
  depends_on = [aws_s3_bucket_policy.trail]
}
