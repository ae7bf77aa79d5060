# Where the databases are, and by which certificates they are known. A certificate names the instance's own address and
# no Service of the cluster, so pods get that address, in the place of the Service that their overlay names. Clusters
# that are not made here have no such ConfigMaps; there the pods go by the Service.

locals {
  services = { odoo-db = var.database_addresses.odoo, gps-db = var.database_addresses.gps }

  address_settings = {
    tms-odoo              = { ODOO_DB_HOST = var.database_addresses.odoo }
    gps-ingestion-service = { GPS_DATABASE_HOST = var.database_addresses.gps }
  }
}

resource "kubernetes_service_v1" "database" {
  for_each = local.services

  metadata {
    name      = each.key
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  spec {
    type          = "ExternalName"
    external_name = each.value
  }
}

resource "kubernetes_config_map_v1" "database_ca" {
  metadata {
    name      = "database-ca"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  data = { "ca.pem" = var.database_ca }
}

resource "kubernetes_config_map_v1" "database" {
  for_each = local.address_settings

  metadata {
    name      = "${each.key}-database"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  # Names of libpq's, which both components' drivers know.
  data = merge(each.value, {
    PGSSLMODE     = "verify-full"
    PGSSLROOTCERT = "/run/database-ca/ca.pem"
  })

  # No pod may look for certificates that are not there yet: it could not connect.
  depends_on = [kubernetes_config_map_v1.database_ca]
}
