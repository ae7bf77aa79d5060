"""Trucks: Odoo's own vehicle, extended."""

import re

from odoo import _, api, fields, models
from odoo.exceptions import ValidationError

from ..compat import sql_constraints
from .trip_transitions import OPEN_STATES

_NOT_IN_TRUCK_NUMBER = re.compile(r"[^A-Z0-9]")


def normalise_truck_number(plate):
    """Return ``plate`` in upper case with letters and digits only.

    ``"MH-12 ab 1234"`` becomes ``"MH12AB1234"``; nothing that remains becomes
    ``False``, so that vehicles without a number never clash with one another.
    """
    return _NOT_IN_TRUCK_NUMBER.sub("", (plate or "").upper()) or False


@sql_constraints(
    truck_number_unique=(
        "EXCLUDE (license_plate WITH =) WHERE (active)",
        "Another active vehicle has this truck number. "
        "Archive that vehicle first or correct the number.",
    ),
    capacity_not_negative=(
        "CHECK (capacity_kg >= 0)",
        "The capacity of a vehicle cannot be negative.",
    ),
)
class FleetVehicle(models.Model):
    _inherit = "fleet.vehicle"

    license_plate = fields.Char(
        string="Truck Number",
        help="Kept in upper case with letters and digits only, as trackers send it.",
    )
    capacity_kg = fields.Float(string="Capacity (kg)", digits=(12, 1), tracking=True)
    ownership = fields.Selection(
        [("owned", "Owned"), ("outsourced", "Outsourced")],
        default="owned",
        required=True,
        tracking=True,
    )
    owner_id = fields.Many2one(
        "res.partner", help="Who an outsourced truck belongs to."
    )
    last_service_date = fields.Date(string="Last Service")
    next_service_date = fields.Date(string="Next Service")
    in_maintenance = fields.Boolean(
        tracking=True, help="A vehicle in maintenance cannot be assigned or start."
    )
    trip_ids = fields.One2many("tms.trip", "vehicle_id", string="Trips")
    open_trip_id = fields.Many2one("tms.trip", compute="_compute_open_trip_id")
    availability = fields.Selection(
        [
            ("available", "Available"),
            ("on_trip", "On trip"),
            ("maintenance", "In maintenance"),
        ],
        compute="_compute_availability",
        store=True,
        index=True,
    )
    document_ids = fields.One2many("tms.document", "vehicle_id", string="Documents")

    @api.depends("trip_ids.state")
    def _compute_open_trip_id(self):
        for vehicle in self:
            vehicle.open_trip_id = vehicle.trip_ids.filtered(
                lambda trip: trip.state in OPEN_STATES
            )[:1]

    @api.depends("trip_ids.state", "in_maintenance")
    def _compute_availability(self):
        for vehicle in self:
            if any(trip.state in OPEN_STATES for trip in vehicle.trip_ids):
                vehicle.availability = "on_trip"
            elif vehicle.in_maintenance:
                vehicle.availability = "maintenance"
            else:
                vehicle.availability = "available"

    @api.constrains("ownership", "owner_id")
    def _check_owner(self):
        for vehicle in self:
            if vehicle.ownership == "outsourced" and not vehicle.owner_id:
                raise ValidationError(
                    _("Name the owner of the outsourced vehicle %s.", vehicle.name)
                )

    @api.model_create_multi
    def create(self, vals_list):
        # A default in the context is one more way in.
        given = {
            "license_plate": plate
            for plate in [self.env.context.get("default_license_plate")]
            if plate
        }
        vals_list = [self._with_truck_number({**given, **vals}) for vals in vals_list]
        self._refuse_taken_numbers(
            {
                vals.get("license_plate")
                for vals in vals_list
                if vals.get("active", True)
            }
        )
        return super().create(vals_list)

    def write(self, vals):
        vals = self._with_truck_number(vals)
        if vals.get("license_plate"):
            self._refuse_taken_numbers({vals["license_plate"]})
        elif vals.get("active"):
            self._refuse_taken_numbers(set(self.mapped("license_plate")))
        return super().write(vals)

    @api.model
    def _with_truck_number(self, vals):
        if "license_plate" not in vals:
            return vals
        plate = normalise_truck_number(vals["license_plate"])
        return dict(vals, license_plate=plate)

    def _refuse_taken_numbers(self, plates):
        """Name the vehicle that has one of ``plates``, before the database refuses it.

        The constraint remains what guarantees it; its own message cannot name anybody.
        """
        taken = self.sudo().search(
            [
                ("license_plate", "in", list(plates - {False})),
                ("id", "not in", self.ids),
            ],
            limit=1,
        )
        if taken:
            raise ValidationError(
                _(
                    "Vehicle %(vehicle)s has the truck number %(number)s already. "
                    "Archive that vehicle first or correct the number.",
                    vehicle=taken.display_name,
                    number=taken.license_plate,
                )
            )
