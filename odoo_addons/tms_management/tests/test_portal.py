"""The driver's pages over HTTP, as a phone sends them."""

import re

from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from ..models.tms_pod import MAX_EVIDENCE_BYTES
from .common import TmsFactory, picture


@tagged("post_install", "-at_install")
class TestDriverPortal(TmsFactory, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_transport()
        cls.user = cls.make_user("driver")
        cls.trip = cls.make_trip("assigned", driver_id=cls.make_driver(cls.user).id)
        cls.foreign = cls.make_trip("in_transit")

    def setUp(self):
        super().setUp()
        self.authenticate(self.user.login, self.user.login)

    def page(self, trip=None):
        return self.url_open(f"/my/trips/{(trip or self.trip).id}")

    def submit(self, action, trip=None, files=None, **data):
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.page().text)
        return self.url_open(
            f"/my/trips/{(trip or self.trip).id}/{action}",
            data={"csrf_token": token.group(1), **data},
            files=files,
        )

    def test_home_leads_to_the_trips(self):
        self.assertIn('href="/my/trips"', self.url_open("/my/home").text)

    def test_home_of_other_portal_users_does_not_mention_trips(self):
        other = new_test_user(
            self.env, login="test_portal_customer", groups="base.group_portal"
        )
        self.authenticate(other.login, other.login)
        self.assertNotIn('href="/my/trips"', self.url_open("/my/home").text)
        self.assertEqual(self.url_open("/my/trips").status_code, 404)
        self.assertEqual(self.page().status_code, 404)

    def test_list_shows_own_trips_only(self):
        text = self.url_open("/my/trips").text
        self.assertIn(self.trip.name, text)
        self.assertNotIn(self.foreign.name, text)

    def test_driver_without_trips_is_told_so(self):
        idle = self.make_user("driver")
        self.authenticate(idle.login, idle.login)
        self.assertIn("No trip is assigned to you", self.url_open("/my/trips").text)

    def test_visitor_is_sent_to_the_login(self):
        self.authenticate(None, None)
        self.assertIn("/web/login", self.page().url)

    def test_dispatcher_sees_no_foreign_trip_here_either(self):
        dispatcher = self.make_user("dispatcher")
        self.authenticate(dispatcher.login, dispatcher.login)
        self.assertEqual(self.page().status_code, 404)

    def test_page_shows_the_load_and_never_the_revenue(self):
        self.trip.stop_ids = [(0, 0, {"place_id": self.customer.id})]
        text = self.page().text
        for expected in ("Test Mumbai", "Test Pune", "Test Glass", "Keep upright"):
            self.assertIn(expected, text)
        self.assertIn("5000 kg", re.sub(r"\s+|<[^>]+>", " ", text).replace("  ", " "))
        self.assertNotIn("20000", text.replace(",", ""))

    def test_trip_of_another_driver_is_not_found(self):
        self.assertEqual(self.page(self.foreign).status_code, 404)
        for action in ("start", "event", "pod"):
            with self.subTest(action=action):
                response = self.submit(action, self.foreign)
                self.assertEqual(response.status_code, 404)
        self.assertEqual(self.foreign.state, "in_transit")

    def test_start_needs_the_token_of_the_page(self):
        with mute_logger("odoo.http"):
            response = self.url_open(
                f"/my/trips/{self.trip.id}/start", data={"csrf_token": "forged"}
            )
        self.assertEqual(response.status_code, 400)
        self.assertEqual(self.trip.state, "assigned")

    def test_start_moves_the_trip(self):
        response = self.submit("start")
        self.assertEqual(response.status_code, 200)
        self.assertEqual(self.trip.state, "in_transit")
        self.assertIn("Proof of delivery", response.text)

    def test_start_that_is_refused_shows_the_reason(self):
        self.trip.vehicle_id.in_maintenance = True
        response = self.submit("start")
        self.assertEqual(response.status_code, 422)
        self.assertIn("in maintenance", response.text)
        self.assertEqual(self.trip.state, "assigned")

    def test_critical_event_puts_on_hold_and_resuming_is_not_offered(self):
        self.trip.action_start()
        response = self.submit(
            "event", event_type="accident", description="<b>Bumper</b>"
        )
        self.assertEqual(self.trip.state, "on_hold")
        self.assertIn("Only dispatch can let it go on", response.text)
        self.assertIn("&lt;b&gt;Bumper&lt;/b&gt;", response.text)

    def test_event_of_unknown_type_is_refused(self):
        response = self.submit("event", event_type="party", description="Loud")
        self.assertEqual(response.status_code, 422)
        self.assertFalse(self.trip.event_ids)

    def test_event_without_description_is_refused(self):
        response = self.submit("event", event_type="delay")
        self.assertEqual(response.status_code, 422)
        self.assertIn("Describe what happened", response.text)

    def test_photo_delivers(self):
        self.trip.action_start()
        response = self.submit(
            "pod",
            recipient_name="Asha Rao",
            files={"evidence": ("slip.jpg", picture(), "image/jpeg")},
        )
        self.assertEqual(response.status_code, 200)
        self.assertEqual(self.trip.state, "delivered")
        self.assertEqual(self.trip.pod_ids.filename, "slip.jpg")
        self.assertEqual(self.trip.pod_ids.submitted_by_id, self.user)

    def test_delivery_without_file_or_with_a_bad_one_is_refused(self):
        self.trip.action_start()
        for files, reason in (
            (None, "Add a photo"),
            ({"evidence": ("slip.jpg", b"<html>", "image/jpeg")}, "JPG or PNG"),
            (
                {"evidence": ("slip.pdf", b"%" * (MAX_EVIDENCE_BYTES + 1))},
                "larger than 5 MB",
            ),
        ):
            with self.subTest(reason=reason):
                response = self.submit("pod", files=files, recipient_name="Asha Rao")
                self.assertEqual(response.status_code, 422)
                self.assertIn(reason, response.text)
                self.assertEqual(self.trip.state, "in_transit")

    def test_a_text_in_the_place_of_the_file_is_refused(self):
        self.trip.action_start()
        response = self.submit("pod", recipient_name="Asha Rao", evidence="slip.jpg")
        self.assertEqual(response.status_code, 422)
        self.assertIn("Add a photo", response.text)

    def test_cancelled_trip_says_why(self):
        self.trip.action_cancel("Road washed away")
        self.assertIn("Road washed away", self.page().text)

    def test_pages_of_the_list_hold_twenty_trips(self):
        driver = self.trip.driver_id
        for _number in range(21):
            self.make_trip("cancelled", driver_id=driver.id, vehicle_id=False)
        text = self.url_open("/my/trips").text
        self.assertEqual(len(set(re.findall(r'href="/my/trips/\d+"', text))), 20)
        self.assertIn("/my/trips/page/2", text)
        rest = self.url_open("/my/trips/page/2").text
        self.assertEqual(len(set(re.findall(r'href="/my/trips/\d+"', rest))), 2)
