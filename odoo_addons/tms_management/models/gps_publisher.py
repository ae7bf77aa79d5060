"""What publishing to the GPS service's API takes, whatever is published."""

from datetime import timedelta

import requests

from odoo import _, api, models

RETRY_AFTER = timedelta(minutes=1)

_TIMEOUT_S = 10

#: How far a version is raised, attempt by attempt, when the GPS service holds another
#: one: after a restore of Odoo's database it may be far ahead.
_VERSION_STEPS = (0, *(2**exponent for exponent in range(16)))


class ServiceUnavailable(Exception):
    """The GPS service cannot take any publication now."""


class Refused(Exception):
    """The GPS service does not accept this one publication."""


class TmsGpsPublisher(models.AbstractModel):
    """Brings what Odoo is the owner of to the GPS service, at a version it counts up.

    Its methods but ``_commit_batch`` stay away from the database: no transaction is
    open while the network is slow.
    """

    _name = "tms.gps.publisher"
    _description = "Publishing to the GPS service"

    @api.model
    def _session(self, settings):
        """Return a session that speaks with Odoo's token."""
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {settings.admin_token}"
        return session

    @api.model
    def _publish(self, session, address, body, version):
        """Put ``body`` at ``version`` or above, and return the version it then has.

        :raises ServiceUnavailable: nothing can be published now
        :raises Refused: this cannot be published as it is
        """
        for step in _VERSION_STEPS:
            version += step
            answer = self._put(session, address, {**body, "version": version})
            if answer.status_code != 409:
                break
        if not answer.ok:
            raise Refused(self._explain(answer))
        return version

    @api.model
    def _put(self, session, address, body):
        try:
            answer = session.put(
                address, json=body, timeout=_TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException as error:
            # Its text may quote the whole address; the kind says enough.
            raise ServiceUnavailable(
                _(
                    "The GPS service cannot be reached (%s). Check that it runs and "
                    "that TMS_GPS_URL is its address.",
                    type(error).__name__,
                )
            ) from error
        if answer.status_code in (401, 403):
            raise ServiceUnavailable(
                _(
                    "The GPS service refuses Odoo's token. Check that "
                    "TMS_GPS_ADMIN_TOKEN is its GPS_PROVISION_TOKEN."
                )
            )
        if answer.status_code == 429 or answer.status_code >= 500:
            raise ServiceUnavailable(self._explain(answer))
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
    def _commit_batch(self):
        """Keep what is done, and let users write while the network is slow."""
        self.env.cr.commit()  # pylint: disable=invalid-commit
        self.env.invalidate_all()
