variable "name" {
  description = "Of all that is made."
  type        = string
  default     = "inside53"
}

variable "vpc_id" {
  type = string
}

variable "addresses" {
  description = "A free address in each private subnet, by the subnet's id; a zone each. Clients ask them from now on."
  type        = map(string)
  validation {
    condition     = length(var.addresses) >= 2
    error_message = "Two zones at least."
  }
}

variable "route_table_ids" {
  description = "Of the subnets, for a gateway endpoint of S3, which costs nothing; none where there is one."
  type        = list(string)
  default     = []
}

variable "client_cidr" {
  description = "Who may ask."
  type        = string
  default     = "10.0.0.0/8"
}

variable "servers" {
  type    = number
  default = 3
}

variable "instance_type" {
  type    = string
  default = "t4g.small"
}

variable "image" {
  description = "The SSM parameter with the image: Amazon Linux 2023, or another with systemd, the AWS CLI and rpm or dpkg."
  type        = string
  default     = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
}

variable "package" {
  description = "BUCKET/KEY of the package in S3, a .rpm or .deb."
  type        = string
}

variable "package_sha256" {
  description = "Its line in SHA256SUMS; unchecked without."
  type        = string
  default     = ""
}

variable "fleet_key" {
  description = "The SecureString parameter with the key that signs all that the fleet writes; it begins with a slash."
  type        = string
  default     = "/inside53/fleet-key"
}

variable "make_trail" {
  description = "Whether a trail is made: false where one logs management writes of all regions."
  type        = bool
  default     = true
}

variable "set_dhcp_options" {
  description = "Whether all hosts of the VPC ask the fleet, from their next lease on."
  type        = bool
  default     = false
}
