"""Tells the GPS service about trackers, in the background."""

import logging
from datetime import timedelta
from urllib.parse import quote

import requests

from odoo import _, api, fields, models

from .gps_settings import GpsSettingsError, read_gps_settings

_logger = logging.getLogger(__name__)

_BATCH_SIZE = 50
_TIMEOUT_S = 10
_RETRY_AFTER = timedelta(minutes=1)

#: How far a version is raised, attempt by attempt, when the GPS service holds another
#: one: after a restore of Odoo's database it may be far ahead.
_VERSION_STEPS = (0, *(2**exponent for exponent in range(16)))


class _ServiceUnavailable(Exception):
    """The GPS service cannot take any publication now."""


class _Refused(Exception):
    """The GPS service does not accept this one tracker."""


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
            with requests.Session() as session:
                session.headers["Authorization"] = f"Bearer {settings.admin_token}"
                outcome = self._publish_batch(session, settings.url, batch)
            self._note_outcome(*outcome)
            unavailable = outcome[-1]
            if unavailable:
                self._publish_at(fields.Datetime.now() + _RETRY_AFTER)
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
                version = self._publish(session, url, description)
                published[description["id"]] = (description["version"], version)
            except _Refused as error:
                refused[description["id"]] = str(error)
            except _ServiceUnavailable as error:
                return published, refused, str(error)
        return published, refused, ""

    @api.model
    def _publish(self, session, url, description):
        """Publish one tracker and return the version that the service then holds."""
        address = f"{url}/v1/devices/{quote(description['device_id'], safe='')}"
        body = {
            "vehicle_identifier": description["vehicle_identifier"],
            "enabled": description["enabled"],
        }
        version = description["version"]
        for step in _VERSION_STEPS:
            version += step
            answer = self._put(session, address, {**body, "version": version})
            if answer.status_code != 409:
                break
        if not answer.ok:
            raise _Refused(self._explain(answer))
        return version

    @api.model
    def _put(self, session, address, body):
        try:
            answer = session.put(
                address, json=body, timeout=_TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException as error:
            # Its text may quote the whole address; the kind says enough.
            raise _ServiceUnavailable(
                _(
                    "The GPS service cannot be reached (%s). Check that it runs and "
                    "that TMS_GPS_URL is its address.",
                    type(error).__name__,
                )
            ) from error
        if answer.status_code in (401, 403):
            raise _ServiceUnavailable(
                _(
                    "The GPS service refuses Odoo's token. Check that "
                    "TMS_GPS_ADMIN_TOKEN is its GPS_ADMIN_TOKEN."
                )
            )
        if answer.status_code == 429 or answer.status_code >= 500:
            raise _ServiceUnavailable(self._explain(answer))
        return answer

    @api.model
    def _explain(self, answer):
        """Return what the GPS service said, in one line that is fit to be shown."""
        try:
            said = answer.json()["error"]
            reason = f"{said['code']}: {said['message']}"
        except (ValueError, LookupError, TypeError):
            reason = _("no readable answer")
        return _(
            "The GPS service answered %(status)s (%(reason)s).",
            status=answer.status_code,
            reason=reason[:300],
        )

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

    @api.model
    def _commit_batch(self):
        """Keep what is done, and let users write while the network is slow."""
        self.env.cr.commit()  # pylint: disable=invalid-commit
        self.env.invalidate_all()
