"""Customers and places: Odoo's own partner.

Nothing here checks a tax number: its format is a rule of each country, which Odoo's own
localisations or a bridge addon bring.
"""

from odoo import _, api, models
from odoo.exceptions import ValidationError


class ResPartner(models.Model):
    _inherit = "res.partner"

    @api.constrains("partner_latitude", "partner_longitude")
    def _check_coordinates(self):
        for partner in self:
            if abs(partner.partner_latitude) > 90:
                raise ValidationError(
                    _("The latitude of %s must lie between -90 and 90.", partner.name)
                )
            if abs(partner.partner_longitude) > 180:
                raise ValidationError(
                    _(
                        "The longitude of %s must lie between -180 and 180.",
                        partner.name,
                    )
                )
