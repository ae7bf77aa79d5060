mock_provider "aws" {
  override_during = plan

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/tms/test/tms-test-database-roles" }
  }
}

mock_provider "kubernetes" {}
mock_provider "helm" {}

variables {
  cluster_name       = "tms-test"
  region             = "ap-south-1"
  database_addresses = { odoo = "odoo.rds.example", gps = "gps.rds.example" }
  database_ca        = "-----BEGIN CERTIFICATE-----"
  passwords_arn      = "arn:aws:secretsmanager:ap-south-1:123456789012:secret:tms/test/database-abcdef"
  kms_key_arn        = "arn:aws:kms:ap-south-1:123456789012:key/test"
  role_path          = "/tms/test/"

  permissions_boundary_arn = "arn:aws:iam::123456789012:policy/tms-test-boundary"

  administrator_arns = {
    odoo = "arn:aws:secretsmanager:ap-south-1:123456789012:secret:rds!db-1"
    gps  = "arn:aws:secretsmanager:ap-south-1:123456789012:secret:rds!db-2"
  }

  token_issuer = {
    provider_arn = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.ap-south-1.amazonaws.com/id/ABC"
    host         = "oidc.eks.ap-south-1.amazonaws.com/id/ABC"
  }
}

run "each_role_is_made_in_its_database_over_tls" {
  command = plan

  assert {
    condition = {
      for component, job in kubernetes_job_v1.this : component => {
        for env in job.spec[0].template[0].spec[0].container[0].env : env.name => env.value
        if contains(["PGHOST", "PGSSLMODE", "PGSSLROOTCERT", "ROLE"], env.name)
      }
      } == {
      odoo = { PGHOST = "odoo.rds.example", PGSSLMODE = "verify-full", PGSSLROOTCERT = "/ca/ca.pem", ROLE = "odoo" }
      gps  = { PGHOST = "gps.rds.example", PGSSLMODE = "verify-full", PGSSLROOTCERT = "/ca/ca.pem", ROLE = "gps" }
    }
    error_message = "A component's role is made in its own database, which is verified."
  }

  assert {
    condition = alltrue([
      for job in kubernetes_job_v1.this : contains([
        for mount in job.spec[0].template[0].spec[0].container[0].volume_mount : mount.mount_path
      ], "/ca")
    ]) && kubernetes_config_map_v1.ca.data == tomap({ "ca.pem" = var.database_ca })
    error_message = "The certificates are where psql looks for them."
  }
}

run "psql_is_of_the_databases_major_version" {
  command = plan

  assert {
    condition     = alltrue([for job in kubernetes_job_v1.this : endswith(job.spec[0].template[0].spec[0].container[0].image, "/postgres:16")])
    error_message = "A minor version that is written down here is missing from the registry some day."
  }
}

run "passwords_are_files_that_one_namespace_reads" {
  command = plan

  assert {
    condition = alltrue([
      for job in kubernetes_job_v1.this : alltrue([
        for env in job.spec[0].template[0].spec[0].container[0].env : !can(regex("(?i)secret:|rds!", env.value))
      ])
    ])
    error_message = "No password is in an environment variable of the manifest."
  }

  assert {
    condition     = module.reader_role.trust.Condition.StringEquals["oidc.eks.ap-south-1.amazonaws.com/id/ABC:sub"] == "system:serviceaccount:tms-database-roles:secrets-reader"
    error_message = "The administrators' passwords are read in one name."
  }
}

run "another_round_reads_the_passwords_anew" {
  command = plan

  variables {
    round = 2
  }

  assert {
    condition = alltrue([
      for component, job in kubernetes_job_v1.this :
      one([for volume in job.spec[0].template[0].spec[0].volume : volume.secret[0].secret_name if length(volume.secret) > 0]) == "${component}-2" &&
      endswith(job.metadata[0].name, "-2") &&
      contains([for object in module.secrets.objects : object.metadata.name], "${component}-2")
    ])
    error_message = "A Job that finds the secret of the last round would set the old password."
  }
}
