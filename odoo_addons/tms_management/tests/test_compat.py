"""Constraints and groups are declared as each series of Odoo wants them."""

from types import SimpleNamespace
from unittest.mock import patch

from odoo.tests import tagged

from .. import compat
from .common import TmsCase

POSITIVE = {"positive": ("CHECK (weight > 0)", "Must be more than 0.")}


class RecordingConstraint:
    """Stands for ``models.Constraint``: notes what it is told."""

    def __init__(self, definition, message):
        self.told = definition, message

    def __set_name__(self, owner, name):
        owner.declared = {name: self.told}


@tagged("post_install", "-at_install")
class TestCompat(TmsCase):
    def declare(self, odoo_models):
        with patch.object(compat, "models", odoo_models):
            return compat.sql_constraints(**POSITIVE)(type("Model", (), {}))

    def test_18_reads_a_list(self):
        model = self.declare(SimpleNamespace())
        self.assertEqual(model._sql_constraints, [("positive", *POSITIVE["positive"])])

    def test_19_reads_attributes(self):
        model = self.declare(SimpleNamespace(Constraint=RecordingConstraint))
        self.assertEqual(model.declared, {"_positive": POSITIVE["positive"]})
        self.assertFalse(hasattr(model, "_sql_constraints"))

    def test_this_series_enforces_them(self):
        self.cr.execute(
            "SELECT count(*) FROM pg_constraint WHERE conname IN %s",
            (
                (
                    "tms_trip_one_open_trip_per_vehicle",
                    "tms_trip_one_open_trip_per_driver",
                    "fleet_vehicle_truck_number_unique",
                    "tms_pod_one_per_trip",
                ),
            ),
        )
        self.assertEqual(self.cr.fetchone(), (4,))

    def test_field_of_a_users_groups_exists(self):
        name = compat.user_groups_field(self.env)
        self.assertEqual(self.env["res.users"]._fields[name].comodel_name, "res.groups")
