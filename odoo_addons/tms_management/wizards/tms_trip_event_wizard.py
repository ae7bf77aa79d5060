"""Logs what happened on the way; a critical event puts the trip on hold."""

from odoo import api, fields, models

from ..models.tms_trip_event import CRITICAL_TYPES, EVENT_TYPES


class TmsTripEventWizard(models.TransientModel):
    _name = "tms.trip.event.wizard"
    _description = "Log a Trip Event"

    trip_id = fields.Many2one("tms.trip", required=True, ondelete="cascade")
    event_type = fields.Selection(EVENT_TYPES, required=True)
    holds_trip = fields.Boolean(compute="_compute_holds_trip")
    description = fields.Text(required=True)

    @api.depends("event_type", "trip_id.state")
    def _compute_holds_trip(self):
        for wizard in self:
            wizard.holds_trip = (
                wizard.event_type in CRITICAL_TYPES
                and wizard.trip_id.state == "in_transit"
            )

    def action_confirm(self):
        self.ensure_one()
        self.trip_id.action_log_event(self.event_type, self.description)
        return {"type": "ir.actions.act_window_close"}
