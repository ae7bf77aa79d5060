"""When a trip will arrive, as the GPS service reckons it from the truck's way."""

from odoo import api, fields, models
from odoo.tools import SQL

from .trip_publishing import UNDER_WAY


class TmsTrip(models.Model):
    _inherit = "tms.trip"

    expected_arrival = fields.Datetime(
        readonly=True,
        copy=False,
        help="Told by the GPS service while the truck is under way. Both ends of the "
        "trip need their coordinates.",
    )
    remaining_km = fields.Float(
        string="Still to Go (km)", digits=(8, 1), readonly=True, copy=False
    )
    percent_done = fields.Float(
        string="Way Done (%)", digits=(4, 1), readonly=True, copy=False
    )
    late = fields.Boolean(
        compute="_compute_late",
        store=True,
        copy=False,
        help="It is expected after its planned end.",
    )

    # Not of the arrival: _note_arrivals writes both at once.
    @api.depends("planned_end")
    def _compute_late(self):
        for trip in self:
            expected, planned = trip.expected_arrival, trip.planned_end
            trip.late = bool(expected and planned and expected > planned)

    @api.model
    def _note_arrivals(self, events):
        """Keep what each event of a trip under way says of its arrival.

        Past the ORM: an arrival that moves every few minutes is no change of the trip
        that its followers, or every open map, must hear of.

        :param events: pairs of :class:`Event` and the id of its vehicle
        """
        rows = [
            SQL(
                "(%s, %s, %s::timestamp, %s::numeric, %s::numeric)",
                event.subject,
                vehicle_id,
                event.arrival.expected_at,
                event.arrival.remaining_km,
                event.arrival.percent_done,
            )
            for event, vehicle_id in events
            if event.arrival and not event.retracted
        ]
        if not rows:
            return
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE tms_trip
                SET expected_arrival = told.expected_at,
                    remaining_km = told.remaining_km,
                    percent_done = told.percent_done,
                    late = COALESCE(told.expected_at > planned_end, FALSE)
                FROM (VALUES %s)
                    AS told (trip, vehicle_id, expected_at, remaining_km, percent_done)
                WHERE tms_trip.name = told.trip
                  AND tms_trip.vehicle_id = told.vehicle_id
                  AND tms_trip.state IN %s
                """,
                SQL(", ").join(rows),
                UNDER_WAY,
            )
        )
        self.invalidate_model()
