"""Two dispatchers at once: real transactions on real connections."""

import contextlib

from odoo import SUPERUSER_ID, api
from odoo.exceptions import UserError
from odoo.sql_db import db_connect
from odoo.tests import BaseCase, tagged
from odoo.tests.common import get_db_name
from odoo.tools import mute_logger

from .common import TmsFactory


@tagged("post_install", "-at_install")
class TestTripConcurrency(TmsFactory, BaseCase):
    """The framework rolls nothing of this back: the tests tidy up themselves."""

    @contextlib.contextmanager
    def transaction(self):
        """Yield an environment in a transaction of its own; commit unless it fails."""
        with contextlib.closing(db_connect(self.database).cursor()) as cursor:
            yield api.Environment(cursor, SUPERUSER_ID, {"tracking_disable": True})
            cursor.commit()

    def setUp(self):
        super().setUp()
        self.database = get_db_name()
        with self.transaction() as env:
            type(self).env = env
            self.set_up_transport()
            self.trips = self.make_trip() + self.make_trip()
            self.made = [
                self.trips,
                self.trips.vehicle_id,
                self.vehicle_model,
                self.vehicle_model.brand_id,
                self.trips.driver_id,
                self.trips.driver_id.resource_id,
                self.route,
                self.material,
                self.trips.driver_id.work_contact_id,
                self.customer + self.mumbai + self.pune,
            ]
        self.addCleanup(self.remove_everything)

    def remove_everything(self):
        with self.transaction() as env:
            for trip in self.trips.with_env(env).exists():
                if trip.state == "assigned":
                    trip.action_cancel("End of the test")
            for records in self.made:
                records.with_env(env).exists().unlink()

    def share(self, field):
        """Give both trips the vehicle or the driver of the first."""
        with self.transaction() as env:
            trips = self.trips.with_env(env)
            trips[field] = trips[0][field]

    def assert_only_one_wins(self, who):
        first, second = self.trips
        with contextlib.closing(db_connect(self.database).cursor()) as cursor:
            late = api.Environment(cursor, SUPERUSER_ID, {})
            # The second dispatcher looks before the first one is done ...
            self.assertEqual(second.with_env(late).state, "planned")
            with self.transaction() as env:
                first.with_env(env).action_assign()
            # ... and so cannot see that it is too late.
            with mute_logger("odoo.sql_db"), self.assertRaisesRegex(UserError, who):
                second.with_env(late).action_assign()
        with self.transaction() as env:
            states = self.trips.with_env(env).mapped("state")
            self.assertEqual(states, ["assigned", "planned"])

    def test_one_vehicle_for_two_trips_goes_to_the_first(self):
        self.share("vehicle_id")
        self.assert_only_one_wins("This vehicle was given to another trip")

    def test_one_driver_for_two_trips_goes_to_the_first(self):
        self.share("driver_id")
        self.assert_only_one_wins("This driver was given to another trip")
