"""What must hold before a trip is assigned, and again before it starts."""

from odoo import _, fields, models
from odoo.exceptions import UserError

from .trip_transitions import EDITABLE_STATES, OPEN_STATES


class TmsTrip(models.Model):
    _inherit = "tms.trip"

    def _check_assignment(self):
        """Raise all that stands in the way of assigning or starting the trips.

        :raises UserError: with one line for each problem
        """
        for trip in self.sudo():
            problems = (
                trip._plan_problems()
                + trip._vehicle_problems()
                + trip._driver_problems()
                + trip._load_problems()
            )
            if problems:
                raise UserError("\n".join(problems))

    def _plan_problems(self):
        problems = []
        if not (self.source_id and self.destination_id):
            problems.append(_("Enter where the trip starts and ends, or its route."))
        if not self.consignment_ids:
            problems.append(_("Add at least one consignment."))
        return problems

    def _vehicle_problems(self):
        vehicle = self.vehicle_id
        if not vehicle:
            return [_("Choose a vehicle.")]
        problems = []
        if not vehicle.active:
            problems.append(
                _("Vehicle %s is archived; choose an active one.", vehicle.display_name)
            )
        if vehicle.in_maintenance:
            problems.append(
                _(
                    "Vehicle %s is in maintenance; choose another one.",
                    vehicle.display_name,
                )
            )
        other = self._other_open_trip("vehicle_id", vehicle)
        if other:
            problems.append(
                _(
                    "Vehicle %(vehicle)s is on trip %(trip)s; choose a free one.",
                    vehicle=vehicle.display_name,
                    trip=other.name,
                )
            )
        return problems + self.env["tms.document"]._problems(
            vehicle, "vehicle", self._last_day()
        )

    def _driver_problems(self):
        driver = self.driver_id
        if not driver:
            return [_("Choose a driver.")]
        problems = []
        if not driver.active:
            problems.append(
                _("Driver %s is archived; choose an active one.", driver.name)
            )
        other = self._other_open_trip("driver_id", driver)
        if other:
            problems.append(
                _(
                    "Driver %(driver)s is on trip %(trip)s; choose a free one.",
                    driver=driver.name,
                    trip=other.name,
                )
            )
        if not driver.tms_licence_expiry:
            problems.append(_("Enter the licence expiry of driver %s.", driver.name))
        elif driver.tms_licence_expiry < self._last_day():
            problems.append(
                _(
                    "The licence of driver %(driver)s expires on %(date)s, before the "
                    "trip ends; renew it or choose another driver.",
                    driver=driver.name,
                    date=driver.tms_licence_expiry,
                )
            )
        return problems + self.env["tms.document"]._problems(
            driver, "driver", self._last_day()
        )

    def _load_problems(self):
        # Summed up again: a stored computed field could have been written over.
        weight = sum(self.consignment_ids.mapped("weight_kg"))
        capacity = self.vehicle_id.capacity_kg
        if not self.vehicle_id or weight <= capacity:
            return []
        return [
            _(
                "The load of %(weight).0f kg exceeds the capacity of %(vehicle)s, "
                "%(capacity).0f kg.",
                weight=weight,
                vehicle=self.vehicle_id.display_name,
                capacity=capacity,
            )
        ]

    def _other_open_trip(self, field, record):
        return self.search(
            [
                (field, "=", record.id),
                ("state", "in", OPEN_STATES),
                ("id", "not in", self.ids),
            ],
            limit=1,
        )

    def _last_day(self):
        """The day on which the trip ends, in the user's zone, and never in the past."""
        today = fields.Date.context_today(self)
        if not self.planned_end:
            return today
        return max(
            today, fields.Datetime.context_timestamp(self, self.planned_end).date()
        )

    def _check_cargo_may_change(self):
        """Refuse a change of load after the start, or beyond the truck's capacity."""
        for trip in self:
            if trip.state not in EDITABLE_STATES:
                raise UserError(
                    _(
                        "The load of %(trip)s cannot change any more: the trip is "
                        "%(state)s.",
                        trip=trip.name,
                        state=trip._state_label(trip.state),
                    )
                )
            problems = trip.sudo()._load_problems()
            if trip.state == "assigned" and problems:
                raise UserError("\n".join(problems))
