"""Tells the GPS service about trackers, in the background."""

import logging
from urllib.parse import quote

from odoo import api, fields, models

from .gps_publisher import RETRY_AFTER, Refused, ServiceUnavailable
from .gps_settings import GpsSettingsError, read_gps_settings

_logger = logging.getLogger(__name__)

_BATCH_SIZE = 50


class TmsTracker(models.Model):
    _inherit = "tms.tracker"

    @api.model
    def _cron_publish(self):
        """Publish every pending tracker; what fails stays pending with its error.

        No transaction is open while the GPS service is asked: each batch is read,
        published and only then noted, and committed before the next one.
        """
        try:
            settings = read_gps_settings()
        except GpsSettingsError as error:
            self._note_failure([("pending", "=", True)], str(error))
            self._commit_batch()
            return
        if not settings.can_publish:
            return
        last_id = 0
        while batch := self._next_batch(last_id):
            last_id = batch[-1]["id"]
            self._commit_batch()
            with self._session(settings) as session:
                outcome = self._publish_batch(session, settings.url, batch)
            self._note_outcome(*outcome)
            unavailable = outcome[-1]
            if unavailable:
                self._publish_at(fields.Datetime.now() + RETRY_AFTER)
            self._commit_batch()
            if unavailable:
                return

    @api.model
    def _next_batch(self, last_id):
        """Return what the next trackers are to be published as."""
        trackers = self.with_context(active_test=False).search(
            [("pending", "=", True), ("id", ">", last_id)],
            order="id",
            limit=_BATCH_SIZE,
        )
        return [
            {
                "id": tracker.id,
                "device_id": tracker.name,
                "vehicle_identifier": tracker.vehicle_id.license_plate,
                "version": tracker.version,
                "enabled": tracker.active and tracker.vehicle_id.active,
            }
            for tracker in trackers
        ]

    @api.model
    def _publish_batch(self, session, url, batch):
        """Publish ``batch`` without touching the database.

        :return: by tracker id the version that was read and the one that the service
            holds now, by tracker id the refusal, and why the service cannot be reached
            or an empty text
        """
        published, refused = {}, {}
        for description in batch:
            try:
                version = self._publish_one(session, url, description)
                published[description["id"]] = (description["version"], version)
            except Refused as error:
                refused[description["id"]] = str(error)
            except ServiceUnavailable as error:
                return published, refused, str(error)
        return published, refused, ""

    @api.model
    def _publish_one(self, session, url, description):
        """Publish one tracker and return the version that the service then holds."""
        address = f"{url}/v1/devices/{quote(description['device_id'], safe='')}"
        body = {
            "vehicle_identifier": description["vehicle_identifier"],
            "enabled": description["enabled"],
        }
        return self._publish(session, address, body, description["version"])

    @api.model
    def _note_outcome(self, published, refused, unavailable):
        now = fields.Datetime.now()
        trackers = self.with_context(active_test=False)
        for tracker in trackers.browse(published).exists():
            read_version, version = published[tracker.id]
            changed_meanwhile = tracker.version != read_version
            tracker.write(
                {
                    # A change made meanwhile must come after what was just published.
                    "version": max(tracker.version, version + changed_meanwhile),
                    "published_version": version,
                    "published_at": now,
                    "last_error": False,
                }
            )
        for tracker in trackers.browse(refused).exists():
            tracker.last_error = refused[tracker.id]
        if unavailable:
            self._note_failure([("pending", "=", True)], unavailable)

    @api.model
    def _note_failure(self, domain, error):
        """Show ``error`` at the trackers in ``domain``; log it when it is a new one."""
        trackers = self.with_context(active_test=False).search(
            [*domain, "|", ("last_error", "=", False), ("last_error", "!=", error)]
        )
        if trackers:
            _logger.warning("Trackers wait to be published: %s", error)
            trackers.last_error = error
