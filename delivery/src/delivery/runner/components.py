"""The two deliverables, as a local run sees them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Component:
    """A deliverable and where its pipeline and its deployments are.

    :param name: of its image, its Deployment and its release records.
    :param service: the Service that answers HTTP, and its port's name.
    :param ready: path that answers 200 once it is ready to work.
    :param url_variable: GitHub's variable that holds its address in staging.
    """

    key: str
    name: str
    source_path: str
    workflow: str
    service: str
    port: str
    ready: str
    url_variable: str


GPS = Component(
    key="gps",
    name="gps-ingestion-service",
    source_path="gps_ingestion_service",
    workflow="pl-gps-001.yml",
    service="gps-ingestion-service",
    port="http",
    ready="/readyz",
    url_variable="STAGING_GPS_URL",
)
ODOO = Component(
    key="odoo",
    name="tms-odoo",
    source_path="odoo_addons/tms_management",
    workflow="pl-odoo-001.yml",
    service="tms-odoo",
    port="http",
    ready="/tms/ready",
    url_variable="STAGING_ODOO_URL",
)
COMPONENTS = (GPS, ODOO)
