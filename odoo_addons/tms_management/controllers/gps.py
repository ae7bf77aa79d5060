"""Where the GPS service delivers the last positions of the fleet and its events."""

import logging
import time

from odoo.http import Controller, request, route

from ..models.gps_batch import MAX_BODY_BYTES, parse_batch, too_many
from ..models.gps_settings import GpsSettingsError, read_gps_settings
from ..models.gps_signature import CallRefused, verify

_logger = logging.getLogger(__name__)


class GpsController(Controller):
    @route(
        "/tms/gps/v1/positions",
        type="http",
        auth="public",
        methods=["POST"],
        csrf=False,
        save_session=False,
    )
    def receive_positions(self, **_ignored):
        """Apply a signed batch of positions, see ``docs/interfaces.md``."""
        return self._receive("positions", "tms.vehicle.position")

    @route(
        "/tms/gps/v1/events",
        type="http",
        auth="public",
        methods=["POST"],
        csrf=False,
        save_session=False,
    )
    def receive_events(self, **_ignored):
        """Apply a signed batch of events, see ``docs/interfaces.md``."""
        return self._receive("events", "tms.gps.event")

    def _receive(self, content, model):
        """Let ``model`` apply a batch of ``content``, and answer row by row.

        Refusals are logged with their code and the caller's address, never with a
        signature or a key.
        """
        try:
            return request.make_json_response({"results": self._apply(content, model)})
        except CallRefused as refusal:
            _logger.warning(
                "GPS batch from %s refused: %s",
                request.httprequest.remote_addr,
                refusal.code,
            )
            return request.make_json_response(
                {"error": {"code": refusal.code, "message": refusal.message}},
                status=refusal.status,
            )

    def _apply(self, content, model):
        body = self._read_body(content)
        headers = request.httprequest.headers
        signature = headers.get("X-TMS-Signature", "")
        verify(
            self._secrets(),
            headers.get("X-TMS-Timestamp", ""),
            signature,
            body,
            time.time(),
        )
        rows = parse_batch(body, content)
        # The signature stands for the caller: nobody is logged in, and what it may do
        # is this one thing. The tables keep no author.
        if not request.env["tms.gps.receipt"].sudo()._take(signature):
            raise CallRefused(
                409,
                "replayed",
                "This very call was applied before. Count the batch as delivered.",
            )
        return request.env[model].sudo()._apply_batch(rows)

    def _read_body(self, content):
        # Without a length there is no body to this server. A route's max_content_length
        # would do the same, but answer with a page instead of the agreed error.
        if (request.httprequest.content_length or 0) > MAX_BODY_BYTES:
            raise too_many(content)
        return request.httprequest.get_data()

    def _secrets(self):
        try:
            return read_gps_settings().hmac_secrets
        except GpsSettingsError as error:
            _logger.error("GPS link: %s", error)
            raise CallRefused(503, "not_configured", str(error)) from None
