#!/usr/bin/env bash
# check-manifests.sh: render every overlay and hold it against the Kubernetes schemas. Of the custom
# resources the cluster itself knows the schema.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
rendered=$(mktemp)
trap 'rm -f "$rendered"' EXIT
for component in gps_ingestion_service odoo_addons/tms_management; do
  for overlay in staging production cloud/staging cloud/production; do
    echo "${component}/kube/${overlay}"
    kubectl kustomize "${component}/kube/${overlay}" > "${rendered}"
    kubernetes-validate --strict --quiet --no-warn "${rendered}"
  done
done
