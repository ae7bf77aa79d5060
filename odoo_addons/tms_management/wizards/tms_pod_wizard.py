"""Takes the proof of delivery from dispatch, as a file or drawn with a finger."""

from odoo import fields, models

from ..models.tms_pod import KINDS


class TmsPodWizard(models.TransientModel):
    _name = "tms.pod.wizard"
    _description = "Submit a Proof of Delivery"

    trip_id = fields.Many2one("tms.trip", required=True, ondelete="cascade")
    recipient_name = fields.Char(required=True)
    kind = fields.Selection(KINDS, required=True, default="photo")
    evidence = fields.Binary(string="Photo or document")
    filename = fields.Char()
    signature = fields.Binary()

    def action_confirm(self):
        self.ensure_one()
        drawn = self.kind == "signature"
        self.trip_id.action_submit_pod(
            self.recipient_name,
            self.signature if drawn else self.evidence,
            "signature.png" if drawn else self.filename,
            self.kind,
        )
        return {"type": "ir.actions.act_window_close"}
