"""The driver's own pages: trips, start, events and proof of delivery, on a phone."""

import base64

from werkzeug.datastructures import FileStorage

from odoo import _, http
from odoo.exceptions import AccessError, UserError
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal, pager

from ..models.tms_pod import MAX_EVIDENCE_BYTES
from ..models.tms_trip_event import EVENT_TYPES
from ..models.trip_transitions import OPEN_STATES

_ITEMS_PER_PAGE = 20


class DriverPortal(CustomerPortal):
    @http.route(
        ["/my/trips", "/my/trips/page/<int:page>"],
        type="http",
        auth="user",
        website=True,
    )
    def my_trips(self, page=1, **kwargs):
        trips = request.env["tms.trip"]
        if not trips.has_access("read"):
            raise request.not_found()
        domain = self._own_trips_domain()
        paging = pager(
            url="/my/trips",
            total=trips.search_count(domain),
            page=page,
            step=_ITEMS_PER_PAGE,
        )
        found = trips.search(domain, limit=_ITEMS_PER_PAGE, offset=paging["offset"])
        values = self._prepare_portal_layout_values()
        values.update(
            page_name="trips",
            trips=[self._trip_summary(trip) for trip in found],
            pager=paging,
        )
        return request.render("tms_management.portal_my_trips", values)

    @http.route("/my/trips/<int:trip_id>", type="http", auth="user", website=True)
    def my_trip(self, trip_id, **kwargs):
        return self._render_trip(self._own_trip(trip_id))

    @http.route(
        "/my/trips/<int:trip_id>/start",
        type="http",
        auth="user",
        methods=["POST"],
        website=True,
    )
    def start_trip(self, trip_id, **kwargs):
        return self._act(trip_id, lambda trip: trip.action_start())

    @http.route(
        "/my/trips/<int:trip_id>/event",
        type="http",
        auth="user",
        methods=["POST"],
        website=True,
    )
    def log_event(self, trip_id, event_type="", description="", **kwargs):
        def log(trip):
            if event_type not in dict(EVENT_TYPES):
                raise UserError(_("Choose what happened from the list."))
            trip.action_log_event(event_type, description)

        return self._act(trip_id, log)

    @http.route(
        "/my/trips/<int:trip_id>/pod",
        type="http",
        auth="user",
        methods=["POST"],
        website=True,
    )
    def submit_pod(self, trip_id, recipient_name="", evidence=None, **kwargs):
        def submit(trip):
            # A form can send a text where a file is expected.
            upload = evidence if isinstance(evidence, FileStorage) else None
            # One byte more than permitted is enough to know that it is too large.
            content = upload.read(MAX_EVIDENCE_BYTES + 1) if upload else b""
            trip.action_submit_pod(
                recipient_name,
                base64.b64encode(content),
                upload and upload.filename,
            )

        return self._act(trip_id, submit)

    # -- shared by the routes ---------------------------------------------------------

    def _own_trips_domain(self):
        # The record rule says the same of drivers; dispatchers may read more, but these
        # pages show nobody another person's trips.
        return [("driver_partner_id", "=", request.env.user.partner_id.id)]

    def _own_trip(self, trip_id):
        trips = request.env["tms.trip"]
        if not trips.has_access("read"):
            raise request.not_found()
        trip = trips.search([("id", "=", trip_id), *self._own_trips_domain()])
        if not trip:
            raise request.not_found()
        return trip

    def _act(self, trip_id, action):
        """Do ``action`` on the driver's own trip, then show the trip again."""
        trip = self._own_trip(trip_id)
        try:
            with request.env.cr.savepoint():
                action(trip)
        except (AccessError, UserError) as error:
            trip.invalidate_recordset()
            return self._render_trip(trip, error=str(error), status=422)
        return request.redirect(f"/my/trips/{trip.id}", code=303)

    def _render_trip(self, trip, error=None, status=200):
        values = self._prepare_portal_layout_values()
        values.update(
            page_name="trip",
            trip=self._trip_details(trip),
            event_types=EVENT_TYPES,
            error=error,
        )
        return request.render("tms_management.portal_my_trip", values, status=status)

    def _trip_summary(self, trip):
        # Plain values: drivers cannot read partners and employees, and a template that
        # holds no record cannot show what drivers must not see.
        trip_sudo = trip.sudo()
        return {
            "id": trip.id,
            "name": trip.name,
            "state": trip.state,
            "state_label": trip._state_label(trip.state),
            "source": trip_sudo.source_id.display_name,
            "destination": trip_sudo.destination_id.display_name,
            "vehicle": trip_sudo.vehicle_id.license_plate,
            "planned_start": trip.planned_start,
        }

    def _trip_details(self, trip):
        trip_sudo = trip.sudo()
        return {
            **self._trip_summary(trip),
            "planned_end": trip.planned_end,
            "distance_km": trip.distance_km,
            "open": trip.state in OPEN_STATES,
            "stops": [
                {"place": stop.place_id.display_name, "arrival": stop.planned_arrival}
                for stop in trip_sudo.stop_ids
            ],
            "consignments": [
                {
                    "customer": consignment.customer_id.display_name,
                    "reference": consignment.reference,
                    "material": consignment.material_id.name,
                    "weight_kg": consignment.weight_kg,
                    "handling_notes": consignment.material_id.handling_notes,
                }
                for consignment in trip_sudo.consignment_ids
            ],
            "events": [
                {
                    "type": dict(EVENT_TYPES)[event.event_type],
                    "description": event.description,
                    "logged_at": event.logged_at,
                }
                for event in trip_sudo.event_ids
            ],
            "cancel_reason": trip_sudo.cancel_reason,
        }
