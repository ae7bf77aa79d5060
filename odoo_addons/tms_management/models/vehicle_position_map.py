"""What the live map asks for every few seconds."""

from odoo import api, models
from odoo.tools import SQL, html_sanitize

from .trip_transitions import OPEN_STATES

#: Silence after which a vehicle's place is no longer trusted (requirement "Tracking").
SILENT_AFTER_S = 15 * 60
POLL_INTERVAL_S = 4


def _utc(value):
    return value and value.isoformat(timespec="seconds") + "Z"


class TmsVehiclePosition(models.Model):
    _inherit = "tms.vehicle.position"

    @api.model
    def get_live_map(self, since=None):
        """Return the fleet as the current user may see it, or what changed in it.

        The number of queries does not depend on the size of the fleet, and an answer to
        "nothing happened" carries no vehicle. Money is never part of it.

        :param str since: the ``cursor`` of the previous answer; anything that is not
            one asks for the whole fleet
        :return: ``server_time`` (ISO 8601 UTC), ``cursor``, ``positions`` that moved
            (of all vehicles when ``vehicles`` is given) and, only if a vehicle, tracker
            or open trip changed, ``vehicles``; without ``since`` also ``settings``
        :raises AccessError: the user may not read positions
        """
        self.check_access("read")
        known_xid, known_fleet = self._split_cursor(since)
        now, horizon = self._read_clock()
        vehicles, trips = self._live_map_queries()
        fleet = self._fleet_digest(vehicles, trips)
        fleet_changed = fleet != known_fleet or known_xid > horizon
        answer = {
            "server_time": _utc(now),
            "cursor": f"{horizon}.{fleet}",
            "positions": self._read_positions(
                vehicles, trips, 0 if fleet_changed else known_xid
            ),
        }
        if fleet_changed:
            answer["vehicles"] = self._read_fleet(vehicles, trips)
        if not since:
            answer["settings"] = self._live_map_settings()
        return answer

    @api.model
    def _split_cursor(self, cursor):
        xid, __, fleet = str(cursor or "").partition(".")
        known = xid.isascii() and xid.isdigit() and len(xid) < 19
        return (int(xid), fleet) if known else (0, "")

    @api.model
    def _read_clock(self):
        """Return the server's time (naive UTC) and the oldest transaction at work.

        Every row of a transaction from before that one is in this snapshot, so asking
        for the rows from it on misses nothing, in whatever order transactions end.
        """
        [row] = self.env.execute_query(
            SQL(
                "SELECT clock_timestamp() AT TIME ZONE 'UTC',"
                " pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
            )
        )
        return row

    @api.model
    def _live_map_queries(self):
        """Return the queries for the vehicles on the map and for the open trips."""
        self.env["fleet.vehicle"].flush_model()
        self.env["tms.tracker"].flush_model()
        self.env["tms.trip"].flush_model()
        # Who may read positions may read which truck they belong to, though not
        # necessarily the fleet application; trips go by the user's own rights.
        vehicles = (
            self.env["fleet.vehicle"]
            .sudo()
            ._search(
                [
                    ("company_id", "in", [False, *self.env.companies.ids]),
                    "|",
                    ("tms_tracker_ids.active", "=", True),
                    ("tms_position_ids", "!=", False),
                ],
                order="id",
            )
        )
        trips = self.env["tms.trip"]._search(
            [("state", "in", OPEN_STATES), ("vehicle_id", "!=", False)],
            order="id",
        )
        return vehicles, trips

    @api.model
    def _fleet_digest(self, vehicles, trips):
        """Return a text that changes with every vehicle, tracker and open trip."""
        digest = SQL(
            "SELECT md5(string_agg(concat(id, ':', write_date), ',' ORDER BY id))"
        )
        [row] = self.env.execute_query(
            SQL(
                "SELECT md5(concat("
                "(%(digest)s FROM fleet_vehicle WHERE id IN (%(vehicles)s)), '/',"
                "(%(digest)s FROM tms_trip WHERE id IN (%(trips)s)), '/',"
                "(%(digest)s FROM tms_tracker WHERE active)))",
                digest=digest,
                vehicles=vehicles.select(SQL("fleet_vehicle.id")),
                trips=trips.select(SQL("tms_trip.id")),
            )
        )
        return row[0]

    @api.model
    def _read_positions(self, vehicles, trips, since_xid):
        rows = self.env.execute_query(
            SQL(
                "SELECT seen.vehicle_id, fix_time, latitude, longitude, speed_kmh,"
                " course, expected_arrival, remaining_km, late"
                " FROM tms_vehicle_position AS seen LEFT JOIN tms_trip AS trip"
                " ON trip.vehicle_id = seen.vehicle_id AND trip.id IN (%(trips)s)"
                " WHERE change_xid >= %(since)s AND seen.vehicle_id IN (%(vehicles)s)",
                trips=trips.select(SQL("tms_trip.id")),
                since=since_xid,
                vehicles=vehicles.select(SQL("fleet_vehicle.id")),
            )
        )
        return [
            {
                "vehicle_id": vehicle_id,
                "fix_time": _utc(fix_time),
                "latitude": float(latitude),
                "longitude": float(longitude),
                "speed_kmh": None if speed is None else float(speed),
                "course": None if course is None else float(course),
                # Here, not at the trip: it moves with the truck.
                "arrival": self._describe_arrival(*way),
            }
            for vehicle_id, fix_time, latitude, longitude, speed, course, *way in rows
        ]

    @api.model
    def _describe_arrival(self, expected_at, remaining_km, late):
        return expected_at and {
            "expected_at": _utc(expected_at),
            "remaining_km": float(remaining_km),
            "late": late,
        }

    @api.model
    def _read_fleet(self, vehicles, trips):
        # At most one per vehicle: the database sees to it.
        trip_of = {
            trip.vehicle_id: trip for trip in self.env["tms.trip"].browse(trips).sudo()
        }
        return [
            {
                "vehicle_id": vehicle.id,
                "vehicle": vehicle.license_plate or vehicle.display_name,
                "model": vehicle.model_id.display_name or "",
                "has_tracker": bool(vehicle.tms_tracker_ids),
                "trip": self._describe_trip(trip_of.get(vehicle)),
            }
            for vehicle in self.env["fleet.vehicle"].browse(vehicles).sudo()
        ]

    @api.model
    def _describe_trip(self, trip):
        return trip and {
            "id": trip.id,
            "name": trip.name,
            "state": trip.state,
            "driver": trip.driver_id.name or "",
            "source": self._describe_place(trip.source_id),
            "destination": self._describe_place(trip.destination_id),
        }

    @api.model
    def _describe_place(self, partner):
        """Return a place; one at 0, 0 was never located and has no coordinates."""
        if not partner:
            return None
        place = {"id": partner.id, "name": partner.name or partner.display_name}
        if partner.partner_latitude or partner.partner_longitude:
            place["latitude"] = partner.partner_latitude
            place["longitude"] = partner.partner_longitude
        return place

    @api.model
    def _live_map_settings(self):
        get = self.env["ir.config_parameter"].sudo().get_param
        tracker = self.env["tms.tracker"]
        return {
            "tile_url": get("tms_management.map_tile_url") or "",
            "tile_attribution": html_sanitize(
                get("tms_management.map_tile_attribution") or ""
            ),
            "country_borders": get("tms_management.map_country_borders") != "0",
            "silent_after_s": SILENT_AFTER_S,
            "poll_interval_s": POLL_INTERVAL_S,
            "can_add_tracker": tracker.has_access("create"),
            "can_open_vehicle": self.env["fleet.vehicle"].has_access("read"),
        }
