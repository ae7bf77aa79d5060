output "alarm_topic_arn" {
  description = "Topic whose subscribers are told."
  value       = aws_sns_topic.alarms.arn
}

output "heartbeat_topic_arn" {
  description = "Topic that Alertmanager writes to as long as it works."
  value       = aws_sns_topic.heartbeat.arn
}
