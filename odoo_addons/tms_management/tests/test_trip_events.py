"""Events on the way: append-only, and what puts a trip on hold."""

from odoo.tests import tagged

from ..models.tms_trip_event import CRITICAL_TYPES, EVENT_TYPES
from .common import TmsCase


@tagged("post_install", "-at_install")
class TestTripEvents(TmsCase):
    def test_each_critical_event_puts_a_trip_on_hold_and_no_other_does(self):
        for event_type, _label in EVENT_TYPES:
            with self.subTest(event_type=event_type):
                trip = self.make_trip("in_transit")
                trip.action_log_event(event_type, "It happened")
                expected = "on_hold" if event_type in CRITICAL_TYPES else "in_transit"
                self.assertEqual(trip.state, expected)
                self.assertEqual(trip.event_ids.event_type, event_type)

    def test_hold_says_in_the_history_what_happened(self):
        trip = self.make_trip("in_transit")
        trip.action_log_event("repair", "Clutch plate")
        self.assertIn("Clutch plate", trip.message_ids[0].body)

    def test_critical_event_cannot_be_passed_off_as_harmless(self):
        trip = self.make_trip("in_transit")
        self.env["tms.trip.event"].create(
            {
                "trip_id": trip.id,
                "event_type": "accident",
                "description": "A scratch",
                "critical": False,
            }
        )
        self.assertEqual(trip.state, "on_hold")

    def test_second_critical_event_on_hold_is_kept(self):
        trip = self.make_trip("on_hold")
        trip.action_log_event("government_stoppage", "Police report")
        self.assertEqual(trip.state, "on_hold")
        self.assertEqual(len(trip.event_ids), 2)

    def test_critical_event_before_the_start_is_kept_without_a_hold(self):
        trip = self.make_trip("assigned")
        trip.action_log_event("repair", "Flat tyre in the yard")
        self.assertEqual(trip.state, "assigned")

    def test_events_are_refused_before_assignment_and_after_delivery(self):
        for state in ("planned", "delivered", "completed", "cancelled", "paid"):
            with self.subTest(state=state):
                trip = self.make_trip(state)
                with self.refused("between assignment and"):
                    trip.action_log_event("delay", "Too late")

    def test_event_needs_a_description(self):
        trip = self.make_trip("in_transit")
        with self.refused("Describe"):
            trip.action_log_event("delay", "  ")

    def test_events_cannot_be_changed_or_deleted_by_anybody(self):
        event = self.make_trip("on_hold").event_ids
        with self.refused("cannot be changed"):
            event.sudo().description = "Nothing happened"
        with self.refused("cannot be deleted"):
            event.sudo().unlink()

    def test_time_of_an_event_is_the_servers(self):
        trip = self.make_trip("in_transit")
        event = self.env["tms.trip.event"].create(
            {
                "trip_id": trip.id,
                "event_type": "checkpoint",
                "description": "Toll plaza",
                "logged_at": "2001-01-01 00:00:00",
            }
        )
        self.assertEqual(event.logged_at.year, event.create_date.year)

    def test_resume_needs_a_trip_on_hold(self):
        trip = self.make_trip("assigned")
        with self.refused("is Assigned, not On hold"):
            trip.action_resume("Go on")

    def test_start_does_not_resume(self):
        trip = self.make_trip("on_hold")
        with self.refused("is On hold, not Assigned"):
            trip.action_start()

    def test_comment_of_resuming_is_kept(self):
        trip = self.make_trip("on_hold")
        trip.action_resume("Insurance has seen the damage")
        self.assertIn("Insurance has seen", trip.message_ids[0].body)

    def test_cancellation_tells_the_driver_why(self):
        trip = self.make_trip("in_transit")
        trip.action_cancel("Bridge is closed")
        message = trip.message_ids[0]
        self.assertIn("Bridge is closed", message.body)
        self.assertEqual(message.partner_ids, trip.driver_id.work_contact_id)
        self.assertEqual(trip.cancel_reason, "Bridge is closed")

    def test_cancellation_of_a_trip_without_driver_tells_nobody(self):
        trip = self.make_trip(driver_id=False)
        trip.action_cancel("No truck left")
        self.assertFalse(trip.message_ids[0].partner_ids)
