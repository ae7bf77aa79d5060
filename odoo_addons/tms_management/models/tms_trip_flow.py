"""How a trip moves: the one method that applies the table, and the ways into it."""

from odoo import _, fields, models
from odoo.exceptions import AccessError, UserError

from .tms_trip import _TOKEN_KEY, _TRANSITION_TOKEN
from .trip_transitions import ROLE_GROUPS, TRANSITIONS


class TmsTrip(models.Model):
    _inherit = "tms.trip"

    # -- the one method ---------------------------------------------------------------

    def _transition(self, target, channel="user", reason=None):
        """Move each trip to ``target`` if the table permits it, here and to this user.

        planned -> assigned -> in_transit <-> on_hold, in_transit -> delivered ->
        completed -> invoiced -> paid, cancelled from the first four, and back to
        completed when an invoice is reversed.

        :param str channel: what makes it happen, see :class:`Transition`
        :param str reason: mandatory for some rows; kept in the trip's history
        :raises UserError: naming what stands in the way and what to do
        :raises AccessError: when the user's role may not do this
        """
        self.check_access("read")
        for trip in self:
            row = trip._permitted_row(target, channel)
            trip._require_roles(row.roles)
            reason = (reason or "").strip()
            if row.reason and not reason:
                raise UserError(_("Give a reason; it is kept with the trip."))
            if row.checked:
                trip.sudo()._check_assignment()
            values = {"state": target}
            if row.stamp:
                values[row.stamp] = fields.Datetime.now()
            if target == "cancelled":
                values["cancel_reason"] = reason
            # Drivers have no write access: the row above is what entitles them.
            trip.sudo().with_context(**{_TOKEN_KEY: _TRANSITION_TOKEN}).write(values)
            if reason:
                trip._announce(target, reason)

    def _permitted_row(self, target, channel):
        self.ensure_one()
        row = TRANSITIONS.get((self.state, target))
        if row is None:
            following = [
                self._state_label(after)
                for before, after in TRANSITIONS
                if before == self.state
            ]
            raise UserError(
                _(
                    "%(trip)s is %(state)s and cannot become %(target)s. "
                    "What can follow: %(following)s.",
                    trip=self.name,
                    state=self._state_label(self.state),
                    target=self._state_label(target),
                    following=", ".join(following) or _("nothing"),
                )
            )
        if row.channel != channel:
            raise UserError(self._channel_reason(row.channel))
        return row

    def _channel_reason(self, channel):
        return {
            "user": _("This is a decision of a person; use the trip's own action."),
            "event": _(
                "A trip goes on hold when an accident, a repair or a government "
                "stoppage is logged. Log the event."
            ),
            "pod": _(
                "A trip is delivered only by its proof of delivery. Submit it with "
                "the recipient's name and a photo or signature."
            ),
            "accounting": _(
                "Invoiced and paid follow the trip's invoice in the accounting and "
                "cannot be set on the trip."
            ),
        }[channel]

    def _require_roles(self, roles):
        """Raise AccessError unless the user has one of ``roles`` or is the system."""
        if self.env.su or any(
            self.env.user.has_group(ROLE_GROUPS[role]) for role in roles
        ):
            return
        raise AccessError(
            _("Your role does not permit this. Ask somebody of: %s.", ", ".join(roles))
        )

    def _announce(self, target, reason):
        """Keep ``reason`` in the history and tell the driver of a cancelled trip."""
        label = self._state_label(target)
        body = _("%(state)s: %(reason)s", state=label, reason=reason)
        if target == "cancelled" and self.driver_partner_id:
            self.sudo().message_post(
                body=body,
                subject=_("%s is cancelled", self.name),
                partner_ids=self.driver_partner_id.ids,
                author_id=self.env.user.partner_id.id,
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
            )
        else:
            self.sudo().message_post(
                body=body,
                author_id=self.env.user.partner_id.id,
                subtype_xmlid="mail.mt_note",
            )

    # -- ways in ----------------------------------------------------------------------

    def action_assign(self):
        """planned -> assigned, after the checks of vehicle, driver, load and papers."""
        self._transition("assigned")

    def action_start(self):
        """assigned -> in_transit, after the same checks once more."""
        self._expect_state("assigned")
        self._transition("in_transit")

    def action_resume(self, comment):
        """on_hold -> in_transit. ``comment`` says why the trip may go on."""
        self._expect_state("on_hold")
        self._transition("in_transit", reason=comment)

    def action_cancel(self, reason):
        """planned, assigned, in_transit or on_hold -> cancelled; tells the driver."""
        self._transition("cancelled", reason=reason)

    def action_complete(self):
        """delivered -> completed: dispatch has verified the proof of delivery."""
        self._transition("completed")
        self.sudo().pod_ids._mark_verified(self.env.user)

    def action_log_event(self, event_type, description):
        """Log an event; a critical one puts a trip that is in transit on hold.

        :return: ids of the events, one for each trip
        """
        events = self.env["tms.trip.event"].create(
            [
                {
                    "trip_id": trip.id,
                    "event_type": event_type,
                    "description": description,
                }
                for trip in self
            ]
        )
        return events.ids

    def action_submit_pod(self, recipient_name, evidence, filename, kind=None):
        """in_transit -> delivered with a proof of delivery.

        :param str recipient_name: who took the goods
        :param evidence: the file, base64 (at most 5 MB: JPG, PNG or PDF)
        :param str filename: its name, for display only
        :param str kind: ``"photo"``, ``"signature"`` or ``"document"``; told by the
            file when not given
        :return: the id of the proof of delivery
        """
        self.ensure_one()
        self.check_access("read")
        row = self._permitted_row("delivered", channel="pod")
        self._require_roles(row.roles)
        # Nobody holds the right to create one: this is the only way.
        pod = (
            self.env["tms.pod"]
            .sudo()
            ._submit(self, recipient_name, evidence, filename, kind)
        )
        self._transition("delivered", channel="pod")
        return pod.id

    def _expect_state(self, state):
        for trip in self:
            if trip.state != state:
                raise UserError(
                    _(
                        "%(trip)s is %(state)s, not %(expected)s.",
                        trip=trip.name,
                        state=trip._state_label(trip.state),
                        expected=trip._state_label(state),
                    )
                )

    # -- accounting: called by what follows the invoice, never by a button ------------

    def _mark_invoiced(self):
        """completed -> invoiced: the trip's invoice was posted."""
        self._transition("invoiced", channel="accounting")

    def _mark_paid(self):
        """invoiced -> paid: the trip's invoice was paid in full."""
        self._transition("paid", channel="accounting")

    def _reopen_from_invoice(self, reason):
        """invoiced or paid -> completed: the trip's invoice was reversed."""
        self._transition("completed", channel="accounting", reason=reason)
