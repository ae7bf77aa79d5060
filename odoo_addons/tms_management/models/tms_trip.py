"""A trip: one truck and one driver carrying goods from one place to another."""

from datetime import timedelta

from psycopg2.errors import ExclusionViolation

from odoo import _, api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..compat import sql_constraints
from .trip_transitions import EDITABLE_STATES, OPEN_STATES, STATES

# Set by _transition alone. It is compared by identity: no value that comes in by RPC, a
# form or an import can be this very object.
_TRANSITION_TOKEN = object()
_TOKEN_KEY = "tms_trip_transition"
# Only a change of state writes these.
STATE_FIELDS = frozenset(
    {
        "state",
        "assigned_at",
        "started_at",
        "delivered_at",
        "completed_at",
        "cancelled_at",
        "cancel_reason",
    }
)
# Follow from other fields: the driver's partner decides who sees the trip.
DERIVED_FIELDS = frozenset({"name", "truck_number", "driver_partner_id"})
_OPEN_SQL = "'" + "', '".join(OPEN_STATES) + "'"
INTERNAL_GROUPS = (
    "tms_management.group_tms_admin,tms_management.group_tms_dispatcher,"
    "tms_management.group_tms_finance"
)


@sql_constraints(
    one_open_trip_per_vehicle=(
        f"EXCLUDE (vehicle_id WITH =) WHERE (state IN ({_OPEN_SQL}))",
        "This vehicle was given to another trip a moment ago. Choose another one.",
    ),
    one_open_trip_per_driver=(
        f"EXCLUDE (driver_id WITH =) WHERE (state IN ({_OPEN_SQL}))",
        "This driver was given to another trip a moment ago. Choose another one.",
    ),
    distance_not_negative=(
        "CHECK (distance_km >= 0)",
        "The distance of a trip cannot be negative.",
    ),
)
class TmsTrip(models.Model):
    _name = "tms.trip"
    _description = "Trip"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "planned_start desc, id desc"
    _check_company_auto = True

    name = fields.Char(
        string="Trip", default=lambda self: _("New"), copy=False, readonly=True
    )
    state = fields.Selection(
        STATES,
        default="planned",
        required=True,
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
        group_expand="_group_expand_states",
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    vehicle_id = fields.Many2one(
        "fleet.vehicle",
        index=True,
        copy=False,
        tracking=True,
        ondelete="restrict",
        check_company=True,
    )
    truck_number = fields.Char(related="vehicle_id.license_plate", store=True)
    driver_id = fields.Many2one(
        "hr.employee",
        index=True,
        copy=False,
        tracking=True,
        ondelete="restrict",
        domain="[('is_tms_driver', '=', True)]",
        check_company=True,
    )
    # Record rules and messages need the driver's partner; portal users cannot read
    # employees.
    driver_partner_id = fields.Many2one(
        related="driver_id.work_contact_id", store=True, index=True
    )
    route_id = fields.Many2one("tms.route", ondelete="restrict")
    source_id = fields.Many2one(
        "res.partner",
        string="From",
        compute="_compute_source_id",
        store=True,
        readonly=False,
        ondelete="restrict",
    )
    destination_id = fields.Many2one(
        "res.partner",
        string="To",
        compute="_compute_destination_id",
        store=True,
        readonly=False,
        ondelete="restrict",
    )
    distance_km = fields.Float(
        string="Distance (km)",
        digits=(8, 1),
        compute="_compute_distance_km",
        store=True,
        readonly=False,
    )
    transit_time_h = fields.Float(
        string="Transit Time (h)",
        digits=(6, 1),
        compute="_compute_transit_time_h",
        store=True,
        readonly=False,
    )
    planned_start = fields.Datetime(default=fields.Datetime.now, required=True)
    planned_end = fields.Datetime(
        compute="_compute_planned_end", store=True, readonly=False
    )
    assigned_at = fields.Datetime(readonly=True, copy=False)
    started_at = fields.Datetime(readonly=True, copy=False)
    delivered_at = fields.Datetime(readonly=True, copy=False)
    completed_at = fields.Datetime(readonly=True, copy=False)
    cancelled_at = fields.Datetime(readonly=True, copy=False)
    cancel_reason = fields.Text(readonly=True, copy=False)
    consignment_ids = fields.One2many("tms.consignment", "trip_id", copy=True)
    stop_ids = fields.One2many("tms.trip.stop", "trip_id", copy=True)
    event_ids = fields.One2many("tms.trip.event", "trip_id", readonly=True)
    gps_event_ids = fields.One2many(
        "tms.gps.event", "trip_id", readonly=True, groups=INTERNAL_GROUPS
    )
    pod_ids = fields.One2many("tms.pod", "trip_id", readonly=True)
    weight_kg = fields.Float(
        string="Weight (kg)", digits=(12, 1), compute="_compute_weight", store=True
    )
    revenue = fields.Monetary(
        compute="_compute_revenue", store=True, groups=INTERNAL_GROUPS
    )
    notes = fields.Text(groups=INTERNAL_GROUPS)

    # One method for each field: a value that is given for one of them must not keep the
    # others from being filled in.
    @api.depends("route_id")
    def _compute_source_id(self):
        for trip in self.filtered("route_id"):
            trip.source_id = trip.route_id.source_id

    @api.depends("route_id")
    def _compute_destination_id(self):
        for trip in self.filtered("route_id"):
            trip.destination_id = trip.route_id.destination_id

    @api.depends("route_id")
    def _compute_distance_km(self):
        for trip in self.filtered("route_id"):
            trip.distance_km = trip.route_id.distance_km

    @api.depends("route_id")
    def _compute_transit_time_h(self):
        for trip in self.filtered("route_id"):
            trip.transit_time_h = trip.route_id.transit_time_h

    @api.depends("planned_start", "transit_time_h")
    def _compute_planned_end(self):
        for trip in self.filtered("planned_start"):
            trip.planned_end = trip.planned_start + timedelta(hours=trip.transit_time_h)

    @api.depends("consignment_ids.weight_kg")
    def _compute_weight(self):
        for trip in self:
            trip.weight_kg = sum(trip.consignment_ids.mapped("weight_kg"))

    @api.depends("consignment_ids.revenue")
    def _compute_revenue(self):
        for trip in self:
            trip.revenue = sum(trip.consignment_ids.mapped("revenue"))

    @api.model
    def _group_expand_states(self, states, domain):
        return [state for state, label in STATES]

    @api.onchange("vehicle_id")
    def _onchange_vehicle_id(self):
        partner = self.vehicle_id.driver_id
        if partner and not self.driver_id:
            self.driver_id = self.env["hr.employee"].search(
                [("work_contact_id", "=", partner.id), ("is_tms_driver", "=", True)],
                limit=1,
            )

    @api.constrains("planned_start", "planned_end")
    def _check_ends_after_start(self):
        for trip in self:
            if trip.planned_end and trip.planned_end < trip.planned_start:
                raise ValidationError(
                    _(
                        "%s cannot end before it starts. Correct the planned dates.",
                        trip.name,
                    )
                )

    @api.constrains("driver_id")
    def _check_driver_is_driver(self):
        for trip in self.sudo():
            if trip.driver_id and not trip.driver_id.is_tms_driver:
                raise ValidationError(
                    _(
                        "%s is not marked as a driver. Mark the employee as a driver "
                        "and enter the licence first.",
                        trip.driver_id.name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            # A default in the context is one more way in.
            asked = {
                name: vals.get(name) or self.env.context.get(f"default_{name}")
                for name in STATE_FIELDS
            }
            if asked["state"] == "planned":
                del asked["state"]
            self._refuse_state_fields({name for name in asked if asked[name]})
        vals_list = [
            dict(vals, name=self.env["ir.sequence"].next_by_code("tms.trip"))
            for vals in vals_list
        ]
        return super().create(vals_list)

    def write(self, vals):
        # The token is dropped at once, so that it covers this very write and nothing
        # that follows from it.
        entitled = self.env.context.get(_TOKEN_KEY) is _TRANSITION_TOKEN
        if _TOKEN_KEY in self.env.context:
            context = dict(self.env.context)
            del context[_TOKEN_KEY]
            self = self.with_env(self.env(context=context))
        if not entitled:
            self._refuse_state_fields(STATE_FIELDS.intersection(vals))
        self._refuse_derived_fields(DERIVED_FIELDS.intersection(vals))
        moved = {"vehicle_id", "driver_id"}.intersection(vals)
        if not moved and "state" not in vals:
            return super().write(vals)
        if moved and not entitled:
            self._check_may_change_crew()
        try:
            with self.env.cr.savepoint():
                result = super().write(vals)
                self.flush_recordset()
        except ExclusionViolation as error:
            # Two dispatchers at once: neither saw the other's trip, the database did.
            raise UserError(self._constraint_message(error)) from error
        if moved and not entitled:
            self.filtered(lambda trip: trip.state == "assigned")._check_assignment()
        return result

    @api.model
    def _constraint_message(self, error):
        if error.diag.constraint_name == "tms_trip_one_open_trip_per_driver":
            return _(
                "This driver was given to another trip a moment ago. "
                "Choose another driver."
            )
        return _(
            "This vehicle was given to another trip a moment ago. "
            "Choose another vehicle."
        )

    @api.model
    def _refuse_state_fields(self, names):
        """Raise the reason why ``names`` cannot be written, if there are any.

        :param set names: fields of :data:`STATE_FIELDS` that somebody tries to set
        :raises UserError: when ``names`` is not empty
        """
        if names:
            labels = [self._fields[name].string for name in sorted(names)]
            raise UserError(
                _(
                    "%s cannot be set directly. Use the trip's own actions: assign, "
                    "start, log an event, resume, submit the proof of delivery, "
                    "verify it, or cancel.",
                    ", ".join(labels),
                )
            )

    @api.model
    def _refuse_derived_fields(self, names):
        """Raise the reason why ``names`` cannot be written, if there are any.

        :param set names: fields of :data:`DERIVED_FIELDS` that somebody tries to set
        :raises UserError: when ``names`` is not empty
        """
        if names:
            labels = [self._fields[name].string for name in sorted(names)]
            raise UserError(
                _(
                    "%s cannot be set: it follows from the trip's number, vehicle or "
                    "driver.",
                    ", ".join(labels),
                )
            )

    def _check_may_change_crew(self):
        for trip in self:
            if trip.state not in EDITABLE_STATES:
                raise UserError(
                    _(
                        "The vehicle and driver of %(trip)s cannot change any more: "
                        "the trip is %(state)s.",
                        trip=trip.name,
                        state=trip._state_label(trip.state),
                    )
                )

    def _state_label(self, state):
        return dict(self._fields["state"]._description_selection(self.env))[state]

    @api.ondelete(at_uninstall=False)
    def _unlink_only_unused(self):
        for trip in self:
            if trip.state not in ("planned", "cancelled"):
                raise UserError(
                    _(
                        "%(trip)s is %(state)s and cannot be deleted. Cancel it first, "
                        "or keep it as a record.",
                        trip=trip.name,
                        state=trip._state_label(trip.state),
                    )
                )

    @api.model
    def get_lanes(self):
        """Return where every vehicle that has a tracker is going.

        :return: a list of ``{"vehicle_identifier", "device_id", "trip", "state",
            "source", "destination"}``, the ends as ``{"name", "latitude",
            "longitude"}`` in degrees; the last four are ``None`` for a vehicle that has
            no open trip, and an end that is not set is ``None``
        :raises AccessError: for anybody but dispatchers and admins
        """
        self._require_roles(("admin", "dispatcher"))
        trackers = self.env["tms.tracker"].search([("vehicle_id", "!=", False)])
        trips = self.search(
            [
                ("vehicle_id", "in", trackers.vehicle_id.ids),
                ("state", "in", OPEN_STATES),
            ]
        )
        trip_of = {trip.vehicle_id: trip for trip in trips}
        lanes = []
        for tracker in trackers:
            trip = trip_of.get(tracker.vehicle_id, self.browse())
            lanes.append(
                {
                    "vehicle_identifier": tracker.vehicle_id.license_plate or None,
                    "device_id": tracker.name,
                    "trip": trip.name or None,
                    "state": trip.state or None,
                    "source": trip._place(trip.source_id),
                    "destination": trip._place(trip.destination_id),
                }
            )
        return lanes

    @api.model
    def _place(self, partner):
        if not partner:
            return None
        return {
            "name": partner.display_name,
            "latitude": partner.partner_latitude,
            "longitude": partner.partner_longitude,
        }
