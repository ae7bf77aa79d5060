"""The newest position of every vehicle, pushed to Odoo."""
