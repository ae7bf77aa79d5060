"""Kinds of papers that trucks and drivers must carry."""

from odoo import fields, models

from ..compat import sql_constraints


@sql_constraints(
    name_unique=(
        "UNIQUE (name, applies_to)",
        "There is already a document type of this name.",
    )
)
class TmsDocumentType(models.Model):
    _name = "tms.document.type"
    _description = "Document Type"
    _order = "applies_to, sequence, name"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    applies_to = fields.Selection(
        [("vehicle", "Vehicles"), ("driver", "Drivers")],
        required=True,
        default="vehicle",
    )
    critical = fields.Boolean(
        help="A trip cannot be assigned or start when such a document has expired."
    )
    mandatory = fields.Boolean(
        help="A trip cannot be assigned or start when there is no such document."
    )
