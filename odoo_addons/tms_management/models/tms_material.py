"""What is carried."""

from odoo import fields, models

from ..compat import sql_constraints


@sql_constraints(
    name_unique=("UNIQUE (name)", "There is already a material of this name.")
)
class TmsMaterial(models.Model):
    _name = "tms.material"
    _description = "Material"
    _order = "name"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    handling_notes = fields.Text(
        translate=True, help="Shown to the driver on the trip."
    )
