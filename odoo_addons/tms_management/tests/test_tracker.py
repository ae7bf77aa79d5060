"""Trackers, and which changes the GPS service must learn of."""

from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from .gps_common import GpsFactory


@tagged("post_install", "-at_install")
class TestTracker(GpsFactory, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_transport()
        cls.cron = cls.env.ref("tms_management.cron_publish_trackers")

    def triggers(self):
        return self.env["ir.cron.trigger"].search_count(
            [("cron_id", "=", self.cron.id)]
        )

    def published(self, tracker):
        tracker.write({"published_version": tracker.version})
        return tracker

    def test_a_new_tracker_waits_to_be_published_and_asks_for_it_at_once(self):
        before = self.triggers()
        tracker = self.make_tracker(name=" 860000000000001 ")
        self.assertEqual(tracker.name, "860000000000001")
        self.assertEqual(tracker.version, 1)
        self.assertEqual(tracker.publication, "pending")
        self.assertEqual(self.triggers(), before + 1)

    def test_device_ids_have_a_form(self):
        for name in ("", "two words", "a/b", "x" * 65, "trackér"):
            with self.subTest(name), self.assertRaises(ValidationError):
                self.make_tracker(name=name)

    def test_a_device_is_registered_once(self):
        self.make_tracker(name="test-once").active = False
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"):
            self.make_tracker(name="test-once")

    def test_a_vehicle_without_truck_number_cannot_be_tracked(self):
        with self.assertRaisesRegex(ValidationError, "truck number"):
            self.make_tracker(self.make_vehicle(license_plate=False))
        tracker = self.make_tracker()
        with self.assertRaisesRegex(ValidationError, "truck number"):
            tracker.vehicle_id.license_plate = ""

    def test_changes_that_matter_raise_the_version(self):
        other = self.make_vehicle()
        for vals in ({"vehicle_id": other.id}, {"active": False}):
            with self.subTest(vals):
                tracker = self.published(self.make_tracker())
                self.assertEqual(tracker.publication, "published")
                before = self.triggers()
                tracker.write(vals)
                self.assertEqual(tracker.version, 2)
                self.assertEqual(tracker.publication, "pending")
                self.assertEqual(self.triggers(), before + 1)

    def test_writing_what_is_there_already_does_not(self):
        tracker = self.published(self.make_tracker())
        tracker.write({"vehicle_id": tracker.vehicle_id.id, "active": True})
        self.assertEqual(tracker.version, 1)

    def test_a_new_truck_number_raises_the_version_of_its_trackers(self):
        tracker = self.published(self.make_tracker())
        archived = self.published(self.make_tracker(tracker.vehicle_id, active=False))
        unrelated = self.published(self.make_tracker())
        tracker.vehicle_id.license_plate = "zz 99 tt 0001"
        self.assertEqual(tracker.version, 2)
        self.assertEqual(archived.version, 2)
        self.assertEqual(unrelated.version, 1)

    def test_the_same_truck_number_in_other_letters_does_not(self):
        tracker = self.published(self.make_tracker())
        plate = tracker.vehicle_id.license_plate
        tracker.vehicle_id.license_plate = f" {plate.lower()} "
        self.assertEqual(tracker.version, 1)

    def test_archiving_a_vehicle_raises_the_version_of_its_trackers(self):
        tracker = self.published(self.make_tracker())
        tracker.vehicle_id.active = False
        self.assertEqual(tracker.version, 2)

    def test_other_changes_of_a_vehicle_do_not(self):
        tracker = self.published(self.make_tracker())
        tracker.vehicle_id.capacity_kg = 12345
        self.assertEqual(tracker.version, 1)

    def test_a_published_device_id_stays(self):
        tracker = self.make_tracker()
        tracker.name = "test-corrected"
        self.assertEqual(tracker.version, 2)
        self.published(tracker)
        with self.assertRaisesRegex(UserError, "Archive it"):
            tracker.name = "test-too-late"

    def test_only_an_unpublished_tracker_can_be_deleted(self):
        tracker = self.make_tracker()
        self.make_tracker().unlink()
        self.published(tracker)
        with self.assertRaisesRegex(UserError, "Archive it"):
            tracker.unlink()

    def test_publication_can_be_asked_for_by_hand(self):
        tracker = self.make_tracker().with_user(self.make_user("dispatcher"))
        before = self.triggers()
        tracker.action_publish_now()
        self.assertEqual(self.triggers(), before + 1)

    def test_finance_and_drivers_have_no_say_in_trackers(self):
        tracker = self.make_tracker()
        for role in ("finance", "driver"):
            with self.subTest(role), self.assertRaises(AccessError):
                tracker.with_user(self.make_user(role)).read(["name"])

    def test_trackers_of_other_companies_stay_theirs(self):
        company = self.env["res.company"].create({"name": "Test Other Company"})
        tracker = self.make_tracker(self.make_vehicle(company_id=company.id))
        dispatcher = self.make_user("dispatcher")
        found = self.env["tms.tracker"].with_user(dispatcher).search([])
        self.assertNotIn(tracker, found)

    def test_a_missing_cron_does_not_keep_users_from_their_work(self):
        self.cron.unlink()
        self.assertTrue(self.make_tracker())
