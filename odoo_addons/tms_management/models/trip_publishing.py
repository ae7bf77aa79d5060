"""Tells the GPS service which trips are under way, in the background."""

import logging
from urllib.parse import quote

from odoo import api, fields, models

from ..compat import sql_constraints
from .gps_publisher import RETRY_AFTER, Refused, ServiceUnavailable
from .gps_settings import GpsSettingsError, read_gps_settings

_logger = logging.getLogger(__name__)

_BATCH_SIZE = 50

#: Of a trip in these states the service watches the way and tells the arrival.
UNDER_WAY = ("in_transit", "on_hold")
#: What the service must know of a trip follows from these fields.
_TOLD_FIELDS = frozenset({"state", "vehicle_id", "source_id", "destination_id"})


@sql_constraints(
    vehicle_identifier_unique=(
        "UNIQUE (vehicle_identifier)",
        "The GPS service knows one trip for each truck number.",
    ),
)
class TmsTripPublication(models.Model):
    """The trip of a truck number as the GPS service holds it.

    What is to be published is compared with this as a whole, whatever changed it: a
    trip, a place that was located, a truck number. What has no row, or other content,
    waits for the cron.
    """

    _name = "tms.trip.publication"
    _inherit = "tms.gps.publisher"
    _description = "Trip at the GPS service"
    _order = "vehicle_identifier"
    _rec_name = "vehicle_identifier"

    vehicle_identifier = fields.Char(required=True, readonly=True)
    version = fields.Integer(readonly=True)
    content = fields.Json(readonly=True, help="Empty once the trip is over.")
    last_error = fields.Char(readonly=True)

    @api.model
    def _cron_publish(self):
        """Publish what differs; a failure of the service is tried again soon.

        No transaction is open while the GPS service is asked: each batch is read,
        published and only then noted, and committed before the next one.
        """
        try:
            settings = read_gps_settings()
        except GpsSettingsError as error:
            _logger.warning("Trips wait to be published: %s", error)
            return
        if not settings.can_publish:
            return
        due = self._due()
        self._commit_batch()
        for start in range(0, len(due), _BATCH_SIZE):
            batch = due[start : start + _BATCH_SIZE]
            with self._session(settings) as session:
                unavailable = self._publish_batch(session, settings.url, batch)
            self._note_outcome(batch)
            if unavailable:
                _logger.warning("Trips wait to be published: %s", unavailable)
                self._publish_at(fields.Datetime.now() + RETRY_AFTER)
            self._commit_batch()
            if unavailable:
                return

    @api.model
    def _due(self):
        """Return what differs as ``{"vehicle_identifier", "version", "content"}``."""
        wanted = self._wanted()
        due = []
        for known in self._all():
            content = wanted.pop(known.vehicle_identifier, None)
            if content != (known.content or None):
                due.append(
                    {
                        "vehicle_identifier": known.vehicle_identifier,
                        "version": known.version + 1,
                        "content": content,
                    }
                )
        return due + [
            {"vehicle_identifier": plate, "version": 1, "content": content}
            for plate, content in wanted.items()
        ]

    @api.model
    def _all(self):
        """Return what the service holds: a row for each truck that ever had a trip."""
        return self.search([("vehicle_identifier", "!=", False)])

    @api.model
    def _wanted(self):
        """Return by truck number the trip under way, where both ends are located."""
        trips = self.env["tms.trip"].search(
            [
                ("state", "in", UNDER_WAY),
                ("vehicle_id.tms_tracker_ids.active", "=", True),
            ]
        )
        return {
            trip.vehicle_id.license_plate: {
                "reference": trip.name,
                "started_at": f"{trip.started_at.isoformat()}Z",
                "source": trip._coordinates(trip.source_id),
                "destination": trip._coordinates(trip.destination_id),
            }
            for trip in trips
            if trip._coordinates(trip.source_id)
            and trip._coordinates(trip.destination_id)
        }

    @api.model
    def _publish_batch(self, session, url, batch):
        """Publish ``batch`` without touching the database.

        Each one that was answered gets its ``"published"`` version or ``"error"``.

        :return: why the service cannot be reached, or an empty text
        """
        for trip in batch:
            plate = quote(trip["vehicle_identifier"], safe="")
            address = f"{url}/v1/vehicles/{plate}/trip"
            body = {"trip": trip["content"]}
            try:
                trip["published"] = self._publish(
                    session, address, body, trip["version"]
                )
            except Refused as error:
                trip["error"] = str(error)
            except ServiceUnavailable as error:
                return str(error)
        return ""

    @api.model
    def _note_outcome(self, batch):
        known = {row.vehicle_identifier: row for row in self._all()}
        for trip in batch:
            plate = trip["vehicle_identifier"]
            if "published" in trip:
                values = {
                    "version": trip["published"],
                    "content": trip["content"],
                    "last_error": False,
                }
            elif "error" in trip:
                values = {"last_error": trip["error"]}
            else:
                continue
            row = known.get(plate) or self.create({"vehicle_identifier": plate})
            if values["last_error"] and values["last_error"] != row.last_error:
                _logger.warning("The trip of %s: %s", plate, values["last_error"])
            row.write(values)

    @api.model
    def _publish_at(self, when):
        cron = self.env.ref("tms_management.cron_publish_trips", False)
        if cron:
            cron.sudo()._trigger(when)


class TmsTrip(models.Model):
    _inherit = "tms.trip"

    def write(self, vals):
        told = bool(_TOLD_FIELDS.intersection(vals))
        before = told and any(trip.state in UNDER_WAY for trip in self)
        result = super().write(vals)
        if told and (before or any(trip.state in UNDER_WAY for trip in self)):
            self.env["tms.trip.publication"]._publish_at(fields.Datetime.now())
        return result

    @api.model
    def _coordinates(self, partner):
        """Return a place in degrees; None for one at 0, 0, which was never located."""
        if not (partner.partner_latitude or partner.partner_longitude):
            return None
        return {
            "latitude": partner.partner_latitude,
            "longitude": partner.partner_longitude,
        }
