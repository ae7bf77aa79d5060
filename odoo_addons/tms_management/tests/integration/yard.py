"""Trips that exist for one run of the suite only."""

import datetime

from rpc import OdooSession, Refused

OPEN_STATES = ["assigned", "in_transit", "on_hold"]


class Yard:
    """Makes trips and removes them, with the places they lead to.

    Everything is named after ``run_id``, so that a run that was killed can be told from
    real data.
    """

    def __init__(self, odoo: OdooSession, run_id: str) -> None:
        self.odoo = odoo
        self.run_id = run_id
        self.trips: list[int] = []
        self.partners: list[int] = []

    def clear(self) -> None:
        """Cancel what is open, then delete trips and places."""
        for trip in self.trips:
            if self.state(trip) in ["planned", *OPEN_STATES]:
                self.odoo.call("tms.trip", "action_cancel", [trip], self.run_id)
        self.odoo.call("tms.trip", "unlink", self.trips)
        self.odoo.call("res.partner", "unlink", self.partners)

    def state(self, trip: int) -> str:
        """The state of a trip, as the system has it now."""
        (values,) = self.odoo.call("tms.trip", "read", [trip], ["state"])
        return values["state"]

    def plan(self) -> int:
        """Return the id of a new planned trip with a load of one kilogram."""
        source, destination, customer = (
            self._partner(name) for name in ("from", "to", "customer")
        )
        trip = self.odoo.call(
            "tms.trip",
            "create",
            {
                "source_id": source,
                "destination_id": destination,
                "distance_km": 1,
                "transit_time_h": 1,
                "consignment_ids": [
                    (0, 0, {"customer_id": customer, "weight_kg": 1}),
                ],
            },
        )
        self.trips.append(trip)
        return trip

    def assign(self, trip: int) -> None:
        """Assign the first free vehicle and driver that pass all checks.

        :raises Refused: with every reason, when none of the first twenty passes
        """
        reasons = []
        drivers = self._free_drivers()
        vehicles = self._free_vehicles()
        for vehicle, driver in zip(vehicles, drivers, strict=False):
            crew = {"vehicle_id": vehicle, "driver_id": driver}
            self.odoo.call("tms.trip", "write", [trip], crew)
            try:
                self.odoo.call("tms.trip", "action_assign", [trip])
                return
            except Refused as reason:
                reasons.append(str(reason))
        raise Refused("No vehicle and driver are free. " + "; ".join(reasons))

    def _partner(self, name: str) -> int:
        values = {"name": f"{self.run_id} {name}"}
        partner = self.odoo.call("res.partner", "create", values)
        self.partners.append(partner)
        return partner

    def _free_vehicles(self) -> list[int]:
        domain = [("availability", "=", "available"), ("capacity_kg", ">", 0)]
        return self.odoo.call("fleet.vehicle", "search", domain, limit=20)

    def _free_drivers(self) -> list[int]:
        week = datetime.date.today() + datetime.timedelta(days=7)
        busy = self.odoo.call(
            "tms.trip", "search_read", [("state", "in", OPEN_STATES)], ["driver_id"]
        )
        domain = [
            ("is_tms_driver", "=", True),
            ("tms_licence_expiry", ">", week.isoformat()),
            ("id", "not in", [trip["driver_id"][0] for trip in busy]),
        ]
        return self.odoo.call("hr.employee", "search", domain, limit=20)
