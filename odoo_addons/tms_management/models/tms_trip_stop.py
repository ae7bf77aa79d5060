"""Places that a trip calls at on its way."""

from odoo import fields, models

from ..compat import sql_constraints


@sql_constraints(
    departure_after_arrival=(
        "CHECK (departed_at >= arrived_at)",
        "A truck cannot leave a stop before it arrived.",
    )
)
class TmsTripStop(models.Model):
    _name = "tms.trip.stop"
    _description = "Trip Stop"
    _order = "trip_id, sequence, id"
    _rec_name = "place_id"

    trip_id = fields.Many2one("tms.trip", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="trip_id.company_id", store=True)
    sequence = fields.Integer(default=10)
    place_id = fields.Many2one("res.partner", required=True, ondelete="restrict")
    purpose = fields.Selection(
        [("pickup", "Pickup"), ("delivery", "Delivery"), ("other", "Other")],
        required=True,
        default="delivery",
    )
    planned_arrival = fields.Datetime()
    arrived_at = fields.Datetime(string="Arrived")
    departed_at = fields.Datetime(string="Departed")
