// Package examples holds what an operator copies and what `inside53 demo` runs.
//
//	demo/    an AWS account as the AWS CLI exports it: a company with example.com both public and
//	         private, example.net, reverse names, two VPCs in two regions, instances, elastic IPs and
//	         load balancers. The layout is that of package zonesource/awssim.
//
// The other files are read where they stand: configurations, the IAM policy, the systemd unit.
package examples
