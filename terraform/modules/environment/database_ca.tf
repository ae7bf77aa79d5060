# Who signs the databases' certificates in this region, as Amazon publishes it: clients that do not know these cannot
# tell a database from somebody in its place. Public, and asked for at each plan, which shows when Amazon adds one.

data "http" "database_ca" {
  url = "https://truststore.pki.rds.amazonaws.com/${local.region}/${local.region}-bundle.pem"

  lifecycle {
    postcondition {
      condition     = self.status_code == 200 && startswith(self.response_body, "-----BEGIN CERTIFICATE-----")
      error_message = "Amazon's trust store answered ${self.status_code} and no certificates for ${local.region}."
    }
  }
}
