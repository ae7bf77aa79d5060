"""The table of transitions, walked completely: pairs, roles and channels."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..models.trip_transitions import ROLE_GROUPS, STATES, TRANSITIONS
from .common import TmsCase

ALL_STATES = [state for state, label in STATES]
# As the requirements put it, written out once more so that no edit of the table passes
# unnoticed.
REQUIRED = {
    ("planned", "assigned"),
    ("assigned", "in_transit"),
    ("in_transit", "on_hold"),
    ("on_hold", "in_transit"),
    ("in_transit", "delivered"),
    ("delivered", "completed"),
    ("completed", "invoiced"),
    ("invoiced", "paid"),
    ("invoiced", "completed"),
    ("paid", "completed"),
    ("planned", "cancelled"),
    ("assigned", "cancelled"),
    ("in_transit", "cancelled"),
    ("on_hold", "cancelled"),
}


@tagged("post_install", "-at_install")
class TestTripTransitions(TmsCase):
    def test_table_is_what_the_requirements_say(self):
        self.assertEqual(set(TRANSITIONS), REQUIRED)

    def test_every_permitted_pair_is_taken_by_its_own_way_in(self):
        for source, target in TRANSITIONS:
            with self.subTest(source=source, target=target):
                trip = self.make_trip(source)
                self.advance(trip, target)
                self.assertEqual(trip.state, target)

    def test_every_other_pair_is_refused_with_what_can_follow(self):
        for source in ALL_STATES:
            trip = self.make_trip(source)
            for target in ALL_STATES:
                if (source, target) in TRANSITIONS:
                    continue
                for channel in ("user", "event", "pod", "accounting"):
                    with self.subTest(source=source, target=target, channel=channel):
                        with self.refused("What can follow"):
                            trip._transition(target, channel=channel, reason="Try")
                        self.assertEqual(trip.state, source)

    def test_every_row_refuses_any_other_channel(self):
        for row in TRANSITIONS.values():
            trip = self.make_trip(row.source)
            for channel in {"user", "event", "pod", "accounting"} - {row.channel}:
                with self.subTest(row=row, channel=channel):
                    with self.assertRaises(UserError):
                        trip._transition(row.target, channel=channel, reason="Try")
                    self.assertEqual(trip.state, row.source)

    def test_every_row_that_needs_a_reason_refuses_a_blank_one(self):
        for row in TRANSITIONS.values():
            if not row.reason:
                continue
            trip = self.make_trip(row.source)
            for reason in (None, "", "  \n"):
                with self.subTest(row=row, reason=reason):
                    with self.refused("reason"):
                        trip._transition(row.target, row.channel, reason)
                    self.assertEqual(trip.state, row.source)

    def test_every_row_is_open_to_its_roles_and_to_no_other(self):
        users = {role: self.make_user(role) for role in ROLE_GROUPS}
        for row in TRANSITIONS.values():
            trip = self.make_trip(
                row.source, driver_id=self.make_driver(users["driver"]).id
            )
            for role, user in users.items():
                with self.subTest(row=row, role=role), self.cr.savepoint() as undo:
                    own = trip.with_user(user)
                    if role in row.roles:
                        own._transition(row.target, row.channel, "Because")
                        self.assertEqual(trip.state, row.target)
                    else:
                        with self.assertRaises(AccessError):
                            own._transition(row.target, row.channel, "Because")
                    undo.rollback()

    def test_every_stamp_is_the_servers_time(self):
        for row in TRANSITIONS.values():
            if row.stamp:
                with self.subTest(row=row):
                    trip = self.make_trip(row.source)
                    self.advance(trip, row.target)
                    self.assertTrue(trip[row.stamp])

    def test_accounting_states_name_the_accounting_when_tried_by_hand(self):
        trip = self.make_trip("completed")
        with self.refused("accounting"):
            trip._transition("invoiced")

    def test_reversed_invoice_leaves_a_message(self):
        trip = self.make_trip("paid")
        trip._reopen_from_invoice("Credit note for a wrong weight")
        self.assertEqual(trip.state, "completed")
        self.assertIn("wrong weight", trip.message_ids[0].body)

    def test_state_changes_are_kept_in_the_history(self):
        trip = self.make_trip("assigned")
        trip.with_context(tracking_disable=False).action_start()
        self.env.flush_all()
        self.cr.precommit.run()
        changes = trip.message_ids.sudo().tracking_value_ids
        self.assertIn("In transit", changes.mapped("new_value_char"))
