"""What the trucks did, as the GPS service found it: stops, speeding, arrivals."""

from datetime import timedelta

from odoo import api, fields, models

from ..compat import sql_constraints
from .gps_batch import InvalidRow
from .gps_event_batch import KINDS, Event, parse_event, uuid_of

#: As long as the service itself keeps its facts by default.
RETENTION = timedelta(days=400)

_WRITTEN = (
    "uuid",
    "revision",
    "active",
    "kind",
    "subject",
    "vehicle_id",
    "trip_id",
    "device_id",
    "started_at",
    "ended_at",
    "latitude",
    "longitude",
    "detail",
)

_UPSERT = """
INSERT INTO tms_gps_event AS known ({columns})
VALUES {rows}
ON CONFLICT (uuid) DO UPDATE SET {updates}
WHERE excluded.revision > known.revision
RETURNING uuid
"""


@sql_constraints(
    uuid_unique=("UNIQUE (uuid)", "The GPS service sends each event once."),
)
class TmsGpsEvent(models.Model):
    """An event at its newest revision; written by the GPS service alone.

    One that late fixes showed to be wrong is archived.
    """

    _name = "tms.gps.event"
    _description = "GPS event"
    _order = "started_at desc, id desc"
    _log_access = False
    _rec_name = "kind"

    uuid = fields.Char(required=True, readonly=True)
    revision = fields.Integer(required=True, readonly=True)
    active = fields.Boolean(default=True, readonly=True)
    kind = fields.Selection(KINDS, required=True, readonly=True)
    subject = fields.Char(readonly=True, help="The geofence or the trip.")
    vehicle_id = fields.Many2one(
        "fleet.vehicle", required=True, readonly=True, index=True, ondelete="cascade"
    )
    trip_id = fields.Many2one(
        "tms.trip", readonly=True, index=True, ondelete="set null"
    )
    device_id = fields.Char(string="Tracker", readonly=True)
    started_at = fields.Datetime(string="From", required=True, readonly=True)
    ended_at = fields.Datetime(
        string="Until", readonly=True, help="Empty while it lasts."
    )
    latitude = fields.Float(digits=(9, 6), required=True, readonly=True)
    longitude = fields.Float(digits=(9, 6), required=True, readonly=True)
    detail = fields.Char(readonly=True)

    @api.model
    def _apply_batch(self, rows):
        """Store the newest revision of each event and judge every row.

        :param list rows: the unchecked rows of a batch, see ``docs/interfaces.md``
        :return: one ``{"uuid", "status", "reason"?}`` per row, in order
        """
        results, valid = [], []
        for row in rows:
            result = {"uuid": uuid_of(row)}
            results.append(result)
            try:
                valid.append((result, parse_event(row)))
            except InvalidRow as error:
                result.update(status="invalid", reason=str(error))
        vehicle_ids = self.env["tms.vehicle.position"]._find_vehicles(
            event.vehicle_identifier for __, event in valid
        )
        newest = {}
        for result, event in valid:
            vehicle_id = vehicle_ids.get(event.vehicle_identifier)
            result["status"] = "stale" if vehicle_id else "unknown_vehicle"
            if not vehicle_id:
                result["reason"] = "no active vehicle has this truck number"
            elif event.uuid not in newest or (
                event.revision > newest[event.uuid][1].revision
            ):
                newest[event.uuid] = (result, event, vehicle_id)
        stored = self._upsert(
            [(event, vehicle_id) for __, event, vehicle_id in newest.values()]
        )
        for uuid in stored:
            newest[uuid][0]["status"] = "stored"
        return results

    @api.model
    def _upsert(self, events: list[tuple[Event, int]]):
        """Write the events, each with its vehicle's id, that are newer than known.

        :return: the uuids of those that were written
        """
        if not events:
            return set()
        # In one order for everybody, or two batches could wait for each other for ever.
        ordered = sorted(events, key=lambda pair: pair[0].uuid)
        trips = self._trips(ordered)
        rows = [
            (
                event.uuid,
                event.revision,
                not event.retracted,
                event.kind,
                event.subject,
                vehicle_id,
                self._trip_of(trips, event, vehicle_id),
                event.device_id,
                event.started_at,
                event.ended_at,
                event.latitude,
                event.longitude,
                event.detail,
            )
            for event, vehicle_id in ordered
        ]
        query = _UPSERT.format(
            columns=", ".join(_WRITTEN),
            rows=", ".join([f"({', '.join(['%s'] * len(_WRITTEN))})"] * len(rows)),
            updates=", ".join(f"{name} = excluded.{name}" for name in _WRITTEN[1:]),
        )
        self.env.cr.execute(query, [value for values in rows for value in values])
        stored = {uuid for (uuid,) in self.env.cr.fetchall()}
        self.invalidate_model()
        self.env["tms.trip"]._note_arrivals(
            [pair for pair in ordered if pair[0].uuid in stored]
        )
        return stored

    @api.model
    def _trips(self, events):
        """Return the trips that the events may have happened on, newest first."""
        begin = min(event.started_at for event, __ in events)
        end = max(event.started_at for event, __ in events)
        return self.env["tms.trip"].search_read(
            [
                ("vehicle_id", "in", [vehicle_id for __, vehicle_id in events]),
                ("started_at", "<=", end),
                ("state", "!=", "cancelled"),
                "|",
                ("delivered_at", "=", False),
                ("delivered_at", ">=", begin),
            ],
            ["vehicle_id", "started_at", "delivered_at"],
            order="started_at desc",
        )

    @api.model
    def _trip_of(self, trips, event, vehicle_id):
        """Return the id of the trip that the vehicle was on when the event began."""
        for trip in trips:
            if (
                trip["vehicle_id"][0] == vehicle_id
                and trip["started_at"] <= event.started_at
                and event.started_at <= (trip["delivered_at"] or event.started_at)
            ):
                return trip["id"]
        return None

    @api.autovacuum
    def _gc_events(self):
        self.env.cr.execute(
            "DELETE FROM tms_gps_event WHERE ended_at < %s",
            [fields.Datetime.now() - RETENTION],
        )
