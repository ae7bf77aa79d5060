"""Lanes that are driven again and again."""

from odoo import _, api, fields, models
from odoo.exceptions import ValidationError

from ..compat import sql_constraints


@sql_constraints(
    distance_positive=(
        "CHECK (distance_km > 0)",
        "The distance of a route must be more than 0 km.",
    ),
    transit_time_positive=(
        "CHECK (transit_time_h > 0)",
        "The transit time of a route must be more than 0 hours.",
    ),
)
class TmsRoute(models.Model):
    _name = "tms.route"
    _description = "Route"
    _order = "name"

    name = fields.Char(compute="_compute_name", store=True, readonly=False)
    active = fields.Boolean(default=True)
    source_id = fields.Many2one(
        "res.partner", string="From", required=True, ondelete="restrict"
    )
    destination_id = fields.Many2one(
        "res.partner", string="To", required=True, ondelete="restrict"
    )
    distance_km = fields.Float(string="Distance (km)", digits=(8, 1), required=True)
    transit_time_h = fields.Float(
        string="Transit Time (h)", digits=(6, 1), required=True
    )

    @api.depends("source_id", "destination_id")
    def _compute_name(self):
        for route in self:
            if not route.name and route.source_id and route.destination_id:
                route.name = f"{route.source_id.name} - {route.destination_id.name}"

    @api.constrains("source_id", "destination_id")
    def _check_ends_differ(self):
        for route in self:
            if route.source_id == route.destination_id:
                raise ValidationError(_("A route must lead from one place to another."))
