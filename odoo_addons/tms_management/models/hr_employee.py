"""Drivers: Odoo's own employee, extended.

Who a driver is elsewhere (user, vehicle, message) goes through ``work_contact_id``.
"""

from odoo import _, api, fields, models
from odoo.exceptions import ValidationError

_READERS = (
    "hr.group_hr_user,tms_management.group_tms_dispatcher,"
    "tms_management.group_tms_admin"
)


class HrEmployee(models.Model):
    _inherit = "hr.employee"

    is_tms_driver = fields.Boolean(string="Is a Driver", index=True, groups=_READERS)
    tms_licence_number = fields.Char(string="Licence Number", groups=_READERS)
    tms_licence_class = fields.Char(
        string="Licence Class", groups=_READERS, help="As printed on the licence."
    )
    tms_licence_expiry = fields.Date(
        string="Licence Expiry", groups=_READERS, tracking=True
    )
    tms_trip_ids = fields.One2many(
        "tms.trip", "driver_id", string="Trips", groups=_READERS
    )
    tms_document_ids = fields.One2many(
        "tms.document", "driver_id", string="Documents", groups=_READERS
    )

    @api.constrains("is_tms_driver", "tms_licence_number")
    def _check_licence_number(self):
        for driver in self.filtered("is_tms_driver"):
            if not (driver.tms_licence_number or "").strip():
                raise ValidationError(
                    _("Enter the licence number of the driver %s.", driver.name)
                )
