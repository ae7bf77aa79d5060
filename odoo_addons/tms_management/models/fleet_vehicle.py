"""Trucks: Odoo's own vehicle, extended."""

import re

from odoo import api, models

_NOT_IN_TRUCK_NUMBER = re.compile(r"[^A-Z0-9]")


def normalise_truck_number(plate):
    """Return ``plate`` in upper case with letters and digits only.

    ``"MH-12 ab 1234"`` becomes ``"MH12AB1234"``. A false value is returned as it is.
    """
    return _NOT_IN_TRUCK_NUMBER.sub("", plate.upper()) if plate else plate


class FleetVehicle(models.Model):
    _inherit = "fleet.vehicle"

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("license_plate"):
                vals["license_plate"] = normalise_truck_number(vals["license_plate"])
        return super().create(vals_list)

    def write(self, vals):
        if vals.get("license_plate"):
            plate = normalise_truck_number(vals["license_plate"])
            vals = dict(vals, license_plate=plate)
        return super().write(vals)
