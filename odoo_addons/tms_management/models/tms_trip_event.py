"""What happened on the way. Events are added, never changed or removed."""

from odoo import _, api, fields, models
from odoo.exceptions import UserError

from .trip_transitions import OPEN_STATES

CRITICAL_TYPES = frozenset({"accident", "repair", "government_stoppage"})
EVENT_TYPES = [
    ("loading", "Loading"),
    ("unloading", "Unloading"),
    ("checkpoint", "Checkpoint"),
    ("delay", "Delay"),
    ("accident", "Accident"),
    ("repair", "Repair"),
    ("government_stoppage", "Government stoppage"),
    ("other", "Other"),
]


class TmsTripEvent(models.Model):
    _name = "tms.trip.event"
    _description = "Trip Event"
    _order = "id desc"
    _rec_name = "event_type"

    trip_id = fields.Many2one("tms.trip", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="trip_id.company_id", store=True)
    event_type = fields.Selection(EVENT_TYPES, required=True)
    description = fields.Text(required=True)
    critical = fields.Boolean(compute="_compute_critical", store=True)
    logged_at = fields.Datetime(
        readonly=True, required=True, default=fields.Datetime.now
    )

    @api.depends("event_type")
    def _compute_critical(self):
        for event in self:
            event.critical = event.event_type in CRITICAL_TYPES

    @api.model_create_multi
    def create(self, vals_list):
        now = fields.Datetime.now()
        for vals in vals_list:
            if not (vals.get("description") or "").strip():
                raise UserError(_("Describe what happened."))
        events = super().create([dict(vals, logged_at=now) for vals in vals_list])
        for event in events:
            event._apply_to_trip()
        return events

    def _apply_to_trip(self):
        trip = self.trip_id
        if trip.state not in OPEN_STATES:
            raise UserError(
                _(
                    "%(trip)s is %(state)s: events are logged between assignment and "
                    "delivery.",
                    trip=trip.name,
                    state=trip._state_label(trip.state),
                )
            )
        # By the type: whoever creates an event could give the stored flag any value.
        if self.event_type in CRITICAL_TYPES and trip.state == "in_transit":
            label = dict(self._fields["event_type"]._description_selection(self.env))
            trip._transition(
                "on_hold",
                channel="event",
                reason=f"{label[self.event_type]}: {self.description}",
            )

    def write(self, vals):  # pylint: disable=method-required-super
        raise UserError(_("Events cannot be changed. Log another one instead."))

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(_("Events cannot be deleted. Log another one instead."))
