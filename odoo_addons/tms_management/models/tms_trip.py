"""A trip: one truck and one driver carrying goods from one place to another."""

from odoo import _, api, fields, models

STATES = [
    ("planned", "Planned"),
    ("assigned", "Assigned"),
    ("in_transit", "In transit"),
    ("on_hold", "On hold"),
    ("delivered", "Delivered"),
    ("completed", "Completed"),
    ("invoiced", "Invoiced"),
    ("paid", "Paid"),
    ("cancelled", "Cancelled"),
]
OPEN_STATES = ("assigned", "in_transit", "on_hold")


class TmsTrip(models.Model):
    _name = "tms.trip"
    _description = "Trip"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "planned_start desc, id desc"

    name = fields.Char(default=lambda self: _("New"), copy=False, readonly=True)
    state = fields.Selection(
        STATES,
        default="planned",
        required=True,
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    vehicle_id = fields.Many2one(
        "fleet.vehicle", string="Vehicle", index=True, copy=False, tracking=True
    )
    driver_id = fields.Many2one(
        "hr.employee", string="Driver", index=True, copy=False, tracking=True
    )
    source_id = fields.Many2one("res.partner", string="From")
    destination_id = fields.Many2one("res.partner", string="To")
    planned_start = fields.Datetime(default=fields.Datetime.now, required=True)

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            vals["name"] = self.env["ir.sequence"].next_by_code("tms.trip")
        return super().create(vals_list)
