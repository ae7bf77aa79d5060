"""Facts on their way to Odoo: each revision an event, at least once."""
