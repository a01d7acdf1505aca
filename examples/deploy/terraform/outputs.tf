output "store" {
  description = "The ledger, fleet.store"
  value       = "s3://${aws_s3_bucket.ledger.id}/inside53"
}

output "events" {
  description = "The queue, fleet.events"
  value       = aws_sqs_queue.events.url
}

output "dhcp_options_id" {
  description = "For other VPCs, too"
  value       = aws_vpc_dhcp_options.fleet.id
}
