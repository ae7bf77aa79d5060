"""What a customer ordered to be carried, and pays for."""

from odoo import api, fields, models

from ..compat import sql_constraints
from .tms_trip import INTERNAL_GROUPS

# What is on the truck, as opposed to what it brings in.
_CARGO_FIELDS = frozenset({"trip_id", "customer_id", "material_id", "weight_kg"})


@sql_constraints(
    weight_positive=(
        "CHECK (weight_kg > 0)",
        "The weight of a consignment must be more than 0 kg.",
    ),
    revenue_not_negative=(
        "CHECK (revenue >= 0)",
        "The revenue of a consignment cannot be negative.",
    ),
)
class TmsConsignment(models.Model):
    _name = "tms.consignment"
    _description = "Consignment"
    _order = "trip_id, id"

    trip_id = fields.Many2one("tms.trip", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="trip_id.company_id", store=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    reference = fields.Char(help="The customer's own order or LR number.")
    customer_id = fields.Many2one(
        "res.partner", required=True, index=True, ondelete="restrict"
    )
    material_id = fields.Many2one("tms.material", ondelete="restrict")
    weight_kg = fields.Float(string="Weight (kg)", digits=(12, 1), required=True)
    revenue = fields.Monetary(groups=INTERNAL_GROUPS)

    @api.depends("trip_id.name", "customer_id.name")
    def _compute_display_name(self):
        for consignment in self:
            consignment.display_name = (
                f"{consignment.trip_id.name} / {consignment.customer_id.sudo().name}"
            )

    @api.model_create_multi
    def create(self, vals_list):
        consignments = super().create(vals_list)
        consignments.trip_id._check_cargo_may_change()
        return consignments

    def write(self, vals):
        if not _CARGO_FIELDS.intersection(vals):
            return super().write(vals)
        trips = self.trip_id
        trips._check_cargo_may_change()
        result = super().write(vals)
        (trips | self.trip_id)._check_cargo_may_change()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_only_before_start(self):
        self.trip_id._check_cargo_may_change()
