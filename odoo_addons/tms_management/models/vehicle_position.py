"""Where each vehicle was last seen: one row per vehicle, written in bulk."""

from operator import attrgetter

from odoo import api, fields, models

from ..compat import sql_constraints
from .gps_batch import InvalidRow, Position, identifier_of, parse_position

_WRITTEN = (
    "vehicle_id",
    "fix_time",
    "received_at",
    "latitude",
    "longitude",
    "speed_kmh",
    "course",
    "accuracy_m",
    "altitude_m",
)

_UPSERT = """
INSERT INTO tms_vehicle_position AS last ({columns}, change_xid)
VALUES {rows}
ON CONFLICT (vehicle_id) DO UPDATE SET {updates}, change_xid = excluded.change_xid
WHERE excluded.fix_time > last.fix_time
RETURNING vehicle_id
"""


@sql_constraints(
    vehicle_unique=("UNIQUE (vehicle_id)", "A vehicle has one last position."),
)
class TmsVehiclePosition(models.Model):
    """The newest fix of a vehicle; its history lives in the GPS service.

    No chatter, no create and write stamps: a fleet of a thousand trucks writes here
    every few seconds. The column ``change_xid``, unknown to the ORM, holds the
    transaction that wrote the row last and serves "changed since" (``get_live_map``).
    """

    _name = "tms.vehicle.position"
    _description = "Last position of a vehicle"
    _order = "fix_time desc, id"
    _log_access = False
    _rec_name = "vehicle_id"

    vehicle_id = fields.Many2one(
        "fleet.vehicle", required=True, readonly=True, ondelete="cascade"
    )
    fix_time = fields.Datetime(
        string="Seen",
        required=True,
        readonly=True,
        help="When the tracker took the fix.",
    )
    received_at = fields.Datetime(
        string="Received",
        required=True,
        readonly=True,
        help="When the GPS service received the fix.",
    )
    latitude = fields.Float(digits=(9, 6), required=True, readonly=True)
    longitude = fields.Float(digits=(9, 6), required=True, readonly=True)
    speed_kmh = fields.Float(string="Speed (km/h)", digits=(6, 1), readonly=True)
    course = fields.Float(
        string="Course (°)", digits=(6, 1), readonly=True, help="Degrees from north."
    )
    accuracy_m = fields.Float(string="Accuracy (m)", digits=(9, 1), readonly=True)
    altitude_m = fields.Float(string="Altitude (m)", digits=(9, 1), readonly=True)

    def init(self):
        self.env.cr.execute("""
            ALTER TABLE tms_vehicle_position
                ADD COLUMN IF NOT EXISTS change_xid bigint NOT NULL DEFAULT 0;
            CREATE INDEX IF NOT EXISTS tms_vehicle_position_change_index
                ON tms_vehicle_position (change_xid);
            """)

    @api.model
    def _apply_batch(self, rows):
        """Store the newest fix per vehicle and judge every row.

        A fix that is not newer than the stored one, or than another of the same batch,
        is ``stale``: it never moves a vehicle back.

        :param list rows: the unchecked rows of a batch, see ``docs/interfaces.md``
        :return: one ``{"vehicle_identifier", "status", "reason"?}`` per row, in order
        """
        now = fields.Datetime.now()
        results, valid = [], []
        for row in rows:
            result = {"vehicle_identifier": identifier_of(row)}
            results.append(result)
            try:
                valid.append((result, parse_position(row, now)))
            except InvalidRow as error:
                result.update(status="invalid", reason=str(error))
        vehicle_ids = self._find_vehicles(fix.vehicle_identifier for __, fix in valid)
        newest = {}
        for result, fix in valid:
            vehicle_id = vehicle_ids.get(fix.vehicle_identifier)
            result["status"] = "stale" if vehicle_id else "unknown_vehicle"
            if not vehicle_id:
                result["reason"] = "no active vehicle has this truck number"
            elif vehicle_id not in newest or (
                fix.fix_time > newest[vehicle_id][1].fix_time
            ):
                newest[vehicle_id] = (result, fix)
        stored = self._upsert({key: fix for key, (__, fix) in newest.items()})
        for vehicle_id in stored:
            newest[vehicle_id][0]["status"] = "stored"
        return results

    @api.model
    def _find_vehicles(self, identifiers):
        """Return the ids of active vehicles by truck number."""
        vehicles = self.env["fleet.vehicle"].search_read(
            [("license_plate", "in", list(set(identifiers)))], ["license_plate"]
        )
        return {vehicle["license_plate"]: vehicle["id"] for vehicle in vehicles}

    @api.model
    def _upsert(self, fixes: dict[int, Position]):
        """Write the fixes, by vehicle id, that are newer than what is stored.

        :return: the ids of the vehicles that moved on
        """
        if not fixes:
            return set()
        # In one order for everybody, or two batches could wait for each other for ever.
        ordered = sorted(fixes.items())
        get = attrgetter(*_WRITTEN[1:])
        rows = [(vehicle_id, *get(fix)) for vehicle_id, fix in ordered]
        row = (
            f"({', '.join(['%s'] * len(_WRITTEN))}, pg_current_xact_id()::text::bigint)"
        )
        query = _UPSERT.format(
            columns=", ".join(_WRITTEN),
            rows=", ".join([row] * len(rows)),
            updates=", ".join(f"{name} = excluded.{name}" for name in _WRITTEN[1:]),
        )
        self.env.cr.execute(query, [value for values in rows for value in values])
        self.invalidate_model()
        return {vehicle_id for (vehicle_id,) in self.env.cr.fetchall()}
