data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "fleet" {
  name_prefix        = "${var.name}-"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_instance_profile" "fleet" {
  name_prefix = "${var.name}-"
  role        = aws_iam_role.fleet.name
}

# What the server calls, as examples/iam-policy.json has it, the ledger and the queue, and what a server starts with.
resource "aws_iam_role_policy" "fleet" {
  role = aws_iam_role.fleet.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "HostedZones"
        Effect = "Allow"
        Action = [
          "route53:GetHostedZone",
          "route53:ListCidrBlocks",
          "route53:ListCidrCollections",
          "route53:ListHostedZones",
          "route53:ListHostedZonesByVPC",
          "route53:ListResourceRecordSets",
        ]
        Resource = "*"
      },
      {
        Sid    = "Health"
        Effect = "Allow"
        Action = [
          "cloudwatch:GetMetricData",
          "elasticloadbalancing:DescribeInstanceHealth",
          "elasticloadbalancing:DescribeTargetGroups",
          "elasticloadbalancing:DescribeTargetHealth",
          "route53:ListHealthChecks",
        ]
        Resource = "*"
      },
      {
        Sid    = "Inventory"
        Effect = "Allow"
        Action = [
          "autoscaling:DescribeAutoScalingInstances",
          "ec2:DescribeAddresses",
          "ec2:DescribeInstanceStatus",
          "ec2:DescribeInstances",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:DescribeVpcPeeringConnections",
          "ec2:DescribeVpcs",
          "elasticloadbalancing:DescribeLoadBalancerAttributes",
          "elasticloadbalancing:DescribeLoadBalancers",
        ]
        Resource = "*"
      },
      {
        Sid      = "OtherAccounts"
        Effect   = "Allow"
        Action   = ["sts:AssumeRole"]
        Resource = "arn:${local.partition}:iam::*:role/inside53"
      },
      {
        Sid      = "Ledger"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
        Resource = "${aws_s3_bucket.ledger.arn}/inside53/*"
      },
      {
        Sid       = "LedgerList"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = aws_s3_bucket.ledger.arn
        Condition = { StringLike = { "s3:prefix" = ["inside53/*"] } }
      },
      {
        Sid      = "Events"
        Effect   = "Allow"
        Action   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        Resource = aws_sqs_queue.events.arn
      },
      {
        Sid      = "StartPackage"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = "arn:${local.partition}:s3:::${var.package}"
      },
      {
        Sid      = "StartKey"
        Effect   = "Allow"
        Action   = ["ssm:GetParameter"]
        Resource = "arn:${local.partition}:ssm:${local.region}:${local.account}:parameter${var.fleet_key}"
      },
    ]
  })
}
