# The hosts of the environment. The load-balancer controller finds the certificate by the ingresses' hosts.

locals {
  odoo_host = "${var.environment}.${var.domain}"
  gps_host  = "gps.${var.environment}.${var.domain}"
}

resource "aws_acm_certificate" "this" {
  domain_name               = local.odoo_host
  subject_alternative_names = [local.gps_host]
  validation_method         = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  for_each = {
    for option in aws_acm_certificate.this.domain_validation_options : option.domain_name => option
  }

  zone_id         = data.aws_route53_zone.this.zone_id
  name            = each.value.resource_record_name
  type            = each.value.resource_record_type
  records         = [each.value.resource_record_value]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}
