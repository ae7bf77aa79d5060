"""The last position of a vehicle: the newest fix wins, in whatever order fixes come."""

import contextlib

from psycopg2.errors import SerializationFailure

from odoo import SUPERUSER_ID, api
from odoo.sql_db import db_connect
from odoo.tests import BaseCase, TransactionCase, tagged
from odoo.tests.common import get_db_name
from odoo.tools import mute_logger

from .gps_common import GpsFactory, position, utc


@tagged("post_install", "-at_install")
class TestLastPosition(GpsFactory, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_transport()
        cls.vehicle = cls.make_vehicle()
        cls.plate = cls.vehicle.license_plate

    def test_the_first_fix_is_stored(self):
        statuses = self.apply(position(self.plate, latitude=18.5, speed_kmh=54.5))
        self.assertEqual(statuses, ["stored"])
        last = self.last_position(self.vehicle)
        self.assertEqual(last.latitude, 18.5)
        self.assertEqual(last.speed_kmh, 54.5)

    def test_a_newer_fix_replaces_it_in_the_same_row(self):
        self.apply(position(self.plate, fix_time=utc(60), latitude=18.5))
        row = self.last_position(self.vehicle)
        statuses = self.apply(position(self.plate, fix_time=utc(30), latitude=18.6))
        self.assertEqual(statuses, ["stored"])
        self.assertEqual(self.last_position(self.vehicle), row)
        self.assertEqual(row.latitude, 18.6)

    def test_a_late_fix_never_moves_a_vehicle_back(self):
        self.apply(position(self.plate, fix_time=utc(30), latitude=18.6))
        late = position(self.plate, fix_time=utc(60), latitude=18.5)
        self.assertEqual(self.apply(late), ["stale"])
        self.assertEqual(self.last_position(self.vehicle).latitude, 18.6)

    def test_the_same_fix_again_is_stale(self):
        fix = position(self.plate, fix_time=utc(30))
        self.assertEqual(self.apply(fix), ["stored"])
        self.assertEqual(self.apply(fix), ["stale"])

    def test_of_two_fixes_in_a_batch_the_newer_one_is_stored(self):
        statuses = self.apply(
            position(self.plate, fix_time=utc(30), latitude=18.6),
            position(self.plate, fix_time=utc(60), latitude=18.5),
            position(self.plate, fix_time=utc(20), latitude=18.7),
        )
        self.assertEqual(statuses, ["stale", "stale", "stored"])
        self.assertEqual(self.last_position(self.vehicle).latitude, 18.7)

    def test_bad_rows_do_not_cost_good_ones(self):
        results = self.env["tms.vehicle.position"]._apply_batch(
            [
                position(self.plate, latitude=95),
                position("ZZ99XX0000"),
                position(self.plate),
                "nonsense",
            ]
        )
        self.assertEqual(
            results,
            [
                {
                    "vehicle_identifier": self.plate,
                    "status": "invalid",
                    "reason": "latitude: must lie between -90 and 90",
                },
                {
                    "vehicle_identifier": "ZZ99XX0000",
                    "status": "unknown_vehicle",
                    "reason": "no active vehicle has this truck number",
                },
                {"vehicle_identifier": self.plate, "status": "stored"},
                {
                    "vehicle_identifier": None,
                    "status": "invalid",
                    "reason": "position: must be an object",
                },
            ],
        )

    def test_an_archived_vehicle_is_unknown(self):
        self.vehicle.active = False
        self.assertEqual(self.apply(position(self.plate)), ["unknown_vehicle"])
        self.assertFalse(self.last_position(self.vehicle))

    def test_the_active_one_of_two_vehicles_with_a_truck_number_is_meant(self):
        self.vehicle.active = False
        self.vehicle.flush_recordset()
        successor = self.make_vehicle(license_plate=self.plate)
        self.assertEqual(self.apply(position(self.plate)), ["stored"])
        self.assertTrue(self.last_position(successor))

    def test_an_empty_batch_is_fine(self):
        self.assertEqual(self.apply(), [])

    def test_a_batch_takes_the_same_queries_whatever_its_size(self):
        plates = [self.make_vehicle().license_plate for __ in range(20)]
        self.apply(position(self.plate))
        with self.assertQueryCount(2):
            self.apply(position(self.plate, fix_time=utc(1)))
        with self.assertQueryCount(2):
            self.apply(*[position(plate) for plate in plates])

    def test_a_position_does_not_write_on_its_vehicle(self):
        self.env.flush_all()
        before = self.vehicle.write_date
        messages = self.vehicle.message_ids
        self.apply(position(self.plate))
        self.vehicle.invalidate_recordset()
        self.assertEqual(self.vehicle.write_date, before)
        self.assertEqual(self.vehicle.message_ids, messages)


@tagged("post_install", "-at_install")
class TestTwoBatchesAtOnce(GpsFactory, BaseCase):
    """Real transactions on real connections; the tests tidy up themselves."""

    @contextlib.contextmanager
    def transaction(self):
        with contextlib.closing(db_connect(self.database).cursor()) as cursor:
            yield api.Environment(cursor, SUPERUSER_ID, {"tracking_disable": True})
            cursor.commit()

    def setUp(self):
        super().setUp()
        self.database = get_db_name()
        with self.transaction() as env:
            type(self).env = env
            self.set_up_transport()
            self.vehicle = self.make_vehicle()
            self.plate = self.vehicle.license_plate
            self.made = [
                self.vehicle,
                self.vehicle_model,
                self.vehicle_model.brand_id,
                self.route,
                self.material,
                self.customer + self.mumbai + self.pune,
            ]
        self.addCleanup(self.remove_everything)

    def remove_everything(self):
        with self.transaction() as env:
            for records in self.made:
                records.with_env(env).exists().unlink()

    def store(self, env, seconds_ago):
        fix = position(self.plate, fix_time=utc(seconds_ago))
        return env["tms.vehicle.position"]._apply_batch([fix])[0]["status"]

    def test_the_later_batch_is_told_to_try_again_and_then_judged_rightly(self):
        with contextlib.closing(db_connect(self.database).cursor()) as cursor:
            late = api.Environment(cursor, SUPERUSER_ID, {})
            # The second call has begun before the first one is done ...
            self.assertFalse(
                late["tms.vehicle.position"].search_count([("id", "<", 0)])
            )
            with self.transaction() as env:
                self.assertEqual(self.store(env, 20), "stored")
            # ... which is the failure after which Odoo runs a request again ...
            self.env = late
            with mute_logger("odoo.sql_db"), self.assertRaises(SerializationFailure):
                self.store(late, 40)
        with self.transaction() as env:
            # ... and then the older fix is seen to be late.
            self.assertEqual(self.store(env, 40), "stale")

    def test_one_of_two_identical_calls_is_a_replay(self):
        signature = f"v1=of-{self.plate}"
        with self.transaction() as env:
            self.assertTrue(env["tms.gps.receipt"]._take(signature))
            self.made.append(
                env["tms.gps.receipt"].search([], order="id desc", limit=1)
            )
        with self.transaction() as env:
            self.assertFalse(env["tms.gps.receipt"]._take(signature))

    def test_the_map_misses_no_fix_whose_transaction_ends_late(self):
        with contextlib.closing(db_connect(self.database).cursor()) as cursor:
            slow = api.Environment(cursor, SUPERUSER_ID, {})
            self.assertEqual(self.store(slow, 20), "stored")
            with self.transaction() as env:
                # Others commit, and the map is looked at, while it is still at work.
                horizon = env["tms.vehicle.position"]._read_clock()[1]
            cursor.commit()
        with self.transaction() as env:
            env.cr.execute(
                "SELECT change_xid >= %s FROM tms_vehicle_position"
                " WHERE vehicle_id = %s",
                [horizon, self.vehicle.id],
            )
            self.assertEqual(env.cr.fetchall(), [(True,)])
