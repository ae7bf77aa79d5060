"""Trips that exist for one run of the suite only."""

from crew import Crew
from rpc import OdooSession

OPEN_STATES = ["assigned", "in_transit", "on_hold"]


class Yard:
    """Makes trips and removes them, with the places they lead to.

    Everything is named after the crew's ``run_id``.
    """

    def __init__(self, odoo: OdooSession, crew: Crew) -> None:
        self.odoo = odoo
        self.crew = crew
        self.run_id = crew.run_id
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
        """Assign the run's own vehicle and driver."""
        crew = {"vehicle_id": self.crew.vehicle, "driver_id": self.crew.driver}
        self.odoo.call("tms.trip", "write", [trip], crew)
        self.odoo.call("tms.trip", "action_assign", [trip])

    def _partner(self, name: str) -> int:
        values = {"name": f"{self.run_id} {name}"}
        partner = self.odoo.call("res.partner", "create", values)
        self.partners.append(partner)
        return partner
