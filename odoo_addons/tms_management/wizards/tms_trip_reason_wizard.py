"""Asks for the reason without which a trip is neither cancelled nor resumed."""

from odoo import fields, models


class TmsTripReasonWizard(models.TransientModel):
    _name = "tms.trip.reason.wizard"
    _description = "Cancel or Resume a Trip"

    trip_id = fields.Many2one("tms.trip", required=True, ondelete="cascade")
    action = fields.Selection(
        [("cancel", "Cancel"), ("resume", "Resume")], required=True
    )
    reason = fields.Text(required=True)

    def action_confirm(self):
        self.ensure_one()
        if self.action == "cancel":
            self.trip_id.action_cancel(self.reason)
        else:
            self.trip_id.action_resume(self.reason)
        return {"type": "ir.actions.act_window_close"}
