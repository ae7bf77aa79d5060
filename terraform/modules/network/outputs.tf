output "vpc_id" {
  description = "The network."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "Subnets of nodes and pods, one in each zone."
  value       = aws_subnet.private[*].id
}

output "database_subnet_ids" {
  description = "Subnets of databases, one in each zone, without a way out."
  value       = aws_subnet.database[*].id
}
