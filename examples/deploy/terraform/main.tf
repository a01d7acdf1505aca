# inside53: the same as cloudformation.yaml and us-east-1.yaml beside it, by the provider of the fleet's region and one
# of us-east-1:
#
#   module "inside53" {
#     source    = "./examples/deploy/terraform"
#     providers = { aws = aws, aws.us_east_1 = aws.us_east_1 }
#     vpc_id    = "vpc-0a1b2c3d4e5f60001"
#     addresses = { subnet-0a1b2c3d4e5f60001 = "10.0.1.53", subnet-0a1b2c3d4e5f60002 = "10.0.2.53" }
#     package   = "packages/inside53-1.0.0-1.aarch64.rpm"
#   }

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source                = "hashicorp/aws"
      version               = ">= 5.40"
      configuration_aliases = [aws.us_east_1]
    }
  }
}

data "aws_region" "here" {}
data "aws_caller_identity" "here" {}
data "aws_partition" "here" {}

data "aws_ssm_parameter" "image" {
  name = var.image
}

locals {
  region    = data.aws_region.here.name
  account   = data.aws_caller_identity.here.account_id
  partition = data.aws_partition.here.partition
  elsewhere = local.region != "us-east-1"
}

# The ledger of the fleet. It isn't versioned: lease and head are written anew every few seconds, and each version would
# stay. Objects are removed by the fleet itself, never by a rule; but for uploads that were never finished.
resource "aws_s3_bucket" "ledger" {
  bucket_prefix = "${var.name}-ledger-"
}

resource "aws_s3_bucket_server_side_encryption_configuration" "ledger" {
  bucket = aws_s3_bucket.ledger.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "ledger" {
  bucket = aws_s3_bucket.ledger.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "ledger" {
  bucket                  = aws_s3_bucket.ledger.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "ledger" {
  bucket = aws_s3_bucket.ledger.id
  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

data "aws_iam_policy_document" "ledger_bucket" {
  statement {
    sid       = "EncryptedOnTheWay"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.ledger.arn, "${aws_s3_bucket.ledger.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "ledger" {
  bucket = aws_s3_bucket.ledger.id
  policy = data.aws_iam_policy_document.ledger_bucket.json
}

resource "aws_vpc_endpoint" "s3" {
  count             = length(var.route_table_ids) > 0 ? 1 : 0
  vpc_id            = var.vpc_id
  service_name      = "com.amazonaws.${local.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = var.route_table_ids
}

# Clients keep their addresses behind the balancer, so it is they who are let in. Its health checks come from its own.
resource "aws_security_group" "fleet" {
  name_prefix = "${var.name}-"
  description = "inside53"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each          = toset(["udp", "tcp"])
  security_group_id = aws_security_group.fleet.id
  description       = "clients"
  ip_protocol       = each.key
  from_port         = 53
  to_port           = 53
  cidr_ipv4         = var.client_cidr
}

resource "aws_vpc_security_group_ingress_rule" "members" {
  for_each                     = toset(["udp", "tcp"])
  security_group_id            = aws_security_group.fleet.id
  description                  = "the fleet's own messages, and what is handed on to who leads"
  ip_protocol                  = each.key
  from_port                    = 53
  to_port                      = 53
  referenced_security_group_id = aws_security_group.fleet.id
}

resource "aws_vpc_security_group_ingress_rule" "health" {
  for_each          = var.addresses
  security_group_id = aws_security_group.fleet.id
  description       = "health checks"
  ip_protocol       = "tcp"
  from_port         = 8054
  to_port           = 8054
  cidr_ipv4         = "${each.value}/32"
}

resource "aws_vpc_security_group_egress_rule" "all" {
  security_group_id = aws_security_group.fleet.id
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_launch_template" "fleet" {
  name_prefix            = "${var.name}-"
  image_id               = data.aws_ssm_parameter.image.value
  instance_type          = var.instance_type
  vpc_security_group_ids = [aws_security_group.fleet.id]
  update_default_version = true
  user_data = base64encode(templatefile("${path.module}/start.sh.tftpl", {
    region         = local.region
    package        = var.package
    package_sha256 = var.package_sha256
    fleet_key      = var.fleet_key
    bucket         = aws_s3_bucket.ledger.id
    queue          = aws_sqs_queue.events.url
  }))
  iam_instance_profile {
    arn = aws_iam_instance_profile.fleet.arn
  }
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_type = "gp3"
      volume_size = 8
      encrypted   = true
    }
  }
  tag_specifications {
    resource_type = "instance"
    tags          = { Name = var.name }
  }
}

# Never replaced by the balancer's health: a fleet that is replaced while AWS is away comes back without data.
resource "aws_autoscaling_group" "fleet" {
  name_prefix               = "${var.name}-"
  vpc_zone_identifier       = keys(var.addresses)
  min_size                  = var.servers
  desired_capacity          = var.servers
  max_size                  = 2 * var.servers
  health_check_type         = "EC2"
  health_check_grace_period = 300
  target_group_arns         = [aws_lb_target_group.dns.arn]
  launch_template {
    id      = aws_launch_template.fleet.id
    version = aws_launch_template.fleet.latest_version
  }
  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 150
      instance_warmup        = 300
    }
  }
  depends_on = [aws_lb_listener.dns]
}

resource "aws_lb" "dns" {
  name                             = var.name
  load_balancer_type               = "network"
  internal                         = true
  enable_cross_zone_load_balancing = true
  dynamic "subnet_mapping" {
    for_each = var.addresses
    content {
      subnet_id            = subnet_mapping.key
      private_ipv4_address = subnet_mapping.value
    }
  }
}

resource "aws_lb_target_group" "dns" {
  name                 = var.name
  vpc_id               = var.vpc_id
  target_type          = "instance"
  protocol             = "TCP_UDP"
  port                 = 53
  deregistration_delay = 30
  health_check {
    protocol            = "HTTP"
    port                = 8054
    path                = "/readyz"
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "dns" {
  load_balancer_arn = aws_lb.dns.arn
  protocol          = "TCP_UDP"
  port              = 53
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.dns.arn
  }
}

resource "aws_vpc_dhcp_options" "fleet" {
  domain_name         = "internal"
  domain_name_servers = values(var.addresses)
}

resource "aws_vpc_dhcp_options_association" "fleet" {
  count           = var.set_dhcp_options ? 1 : 0
  vpc_id          = var.vpc_id
  dhcp_options_id = aws_vpc_dhcp_options.fleet.id
  depends_on      = [aws_autoscaling_group.fleet]
}
