"""What the tests run against: a real PostgreSQL, a real service, an Odoo over HTTP."""
