# The hosts of the environment. The load-balancer controller finds the certificate by the ingresses' hosts.

locals {
  odoo_host = "${var.environment}.${var.domain}"
  gps_host  = "gps.${var.environment}.${var.domain}"

  # The overlays say the same hosts a second time: kustomize knows no variables.
  overlays = [for place in ["odoo_addons/tms_management", "gps_ingestion_service"] : file("${path.module}/../../../${place}/kube/cloud/${var.environment}/kustomization.yaml")]
  watch    = file("${path.module}/../../../monitoring/${var.environment}/kustomization.yaml")
  named_hosts = toset(flatten(concat(
    [for overlay in local.overlays : regexall("value: ([a-z0-9-]+(?:\\.[a-z0-9-]+)+)\n", overlay)],
    regexall("- https://([a-z0-9.-]+)/", local.watch),
  )))
}

resource "aws_acm_certificate" "this" {
  domain_name               = local.odoo_host
  subject_alternative_names = [local.gps_host]
  validation_method         = "DNS"

  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = local.named_hosts == toset([local.odoo_host, local.gps_host, "trackers.${local.odoo_host}"])
      error_message = "The overlays in kube/cloud/${var.environment} and monitoring/${var.environment} name ${join(", ", local.named_hosts)}, but the domain is ${var.domain}: write it into all (terraform/README.md)."
    }
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
