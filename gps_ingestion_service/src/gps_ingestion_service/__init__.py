"""GPS Ingestion Service: positions in, acknowledged after commit, pushed to Odoo."""

__version__ = "1.0.0"
