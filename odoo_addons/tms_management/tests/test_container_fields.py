"""How the stored fields are read from sources, and that Odoo sees the same ones."""

import tempfile
from pathlib import Path

from addon_fields import lacking, named, stored_fields

from odoo.modules.registry import Registry
from odoo.tests import BaseCase
from odoo.tests.common import get_db_name

from .container_common import CONTAINER, launch_settings

TRIP = 'class Trip(models.Model):\n    _name = "tms.trip"\n'


# Columns of every model, which no source declares.
OF_EVERY_MODEL = ("id", "create_uid", "create_date", "write_uid", "write_date")


class TestDeclaredFields(BaseCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addon = Path(folder.name)

    def declared(self, text, place="models/trip.py"):
        path = self.addon / place
        path.parent.mkdir(exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)
        return stored_fields(self.addon)

    def of_trip(self, line):
        found = self.declared(f"{TRIP}    {line}\n")
        return [f"{name.removeprefix('tms.trip.')} {found[name]}" for name in found]

    def test_a_field_is_its_model_name_and_type(self):
        self.assertEqual(self.of_trip("a = fields.Char(size=4)"), ["a Char"])
        self.assertEqual(self.of_trip("a: str = fields.Char()"), ["a Char"])

    def test_a_relation_belongs_to_the_type(self):
        for call in ('Many2one("res.partner")', 'Many2one(comodel_name="res.partner")'):
            found = self.of_trip(f"a = fields.{call}")
            self.assertEqual(found, ["a Many2one res.partner"])
        many = self.of_trip('a = fields.Many2many("res.users")')
        self.assertEqual(many, ["a Many2many res.users"])
        self.assertEqual(self.of_trip('a = fields.Char("Label")'), ["a Char"])

    def test_what_is_calculated_and_not_stored_is_left_out(self):
        for call in (
            'Char(compute="_compute_a")',
            'Char(related="b_id.name")',
            "Char(store=False)",
            'One2many("tms.trip", "b_id")',
        ):
            self.assertEqual(self.of_trip(f"a = fields.{call}"), [], call)

    def test_what_is_calculated_and_stored_counts(self):
        for call in ('compute="_compute_a", store=True', 'related="b.c", store=STORED'):
            self.assertEqual(self.of_trip(f"a = fields.Char({call})"), ["a Char"])

    def test_what_is_no_field_is_left_out(self):
        for line in ("a = fields.Date.today()", "a = 1", "_order = 'name'", "a: str"):
            self.assertEqual(self.of_trip(line), [], line)

    def test_an_extension_declares_fields_of_the_model_that_it_extends(self):
        for inherit in ('"fleet.vehicle"', '["fleet.vehicle"]'):
            text = f"_inherit = {inherit}\n    a = fields.Char()"
            found = self.declared(f"class Truck(models.Model):\n    {text}\n")
            self.assertEqual(found, {"fleet.vehicle.a": "Char"})

    def test_its_own_name_comes_before_what_a_model_inherits(self):
        found = self.of_trip('_inherit = ["mail.thread"]\n    a = fields.Char()')
        self.assertEqual(found, ["a Char"])

    def test_models_that_keep_no_rows_are_left_out(self):
        self.assertEqual(self.of_trip("_auto = False\n    a = fields.Char()"), [])
        for base in ("models.TransientModel", "Controller", "http.Controller"):
            text = TRIP.replace("models.Model", base) + "    a = fields.Char()\n"
            self.assertEqual(self.declared(text), {}, base)

    def test_an_abstract_model_has_its_fields_in_every_model_that_inherits_it(self):
        text = TRIP.replace("models.Model", "models.AbstractModel")
        found = self.declared(f"{text}    a = fields.Char()\n")
        self.assertEqual(found, {"tms.trip.a": "Char"})

    def test_a_model_that_cannot_be_told_is_an_error(self):
        text = "class Trip(models.Model):\n    _name = PREFIX + 'trip'\n"
        with self.assertRaisesRegex(launch_settings.LaunchError, "trip.py: write the"):
            self.declared(text)

    def test_every_package_is_read_but_the_tests(self):
        field = "    a = fields.Char()\n"
        self.declared(TRIP + field, "tests/trip.py")
        self.declared(TRIP.replace("tms.trip", "tms.b") + field, "report/b.py")
        (self.addon / "script").mkdir()
        (self.addon / "script" / "a.py").write_text("print 'of another Python'")
        found = self.declared(TRIP.replace("tms.trip", "tms.a") + field, "a/a.py")
        self.assertEqual(list(found), ["tms.a.a", "tms.b.a"])

    def test_odoo_stores_what_the_sources_say(self):
        """Of this very addon, in the series that these tests run on."""
        self.maxDiff = None
        registry = Registry(get_db_name())
        stored = {
            f"{model}.{name}": type(field).__name__
            for model, kind in registry.items()
            if not kind._transient
            for name, field in kind._fields.items()
            if field.store and "tms_management" in (field._modules or ())
            if type(field).__name__ != "One2many" and name not in OF_EVERY_MODEL
        }
        declared = stored_fields(CONTAINER.parent)
        kinds = {name: kind.partition(" ")[0] for name, kind in declared.items()}
        self.assertEqual(kinds, dict(sorted(stored.items())))


class TestLackingFields(BaseCase):
    DATABASE = {"b": "Char", "a": "Text", "c": "Many2one x"}

    def test_more_fields_lack_nothing(self):
        self.assertEqual(lacking(self.DATABASE, self.DATABASE), [])
        self.assertEqual(lacking({**self.DATABASE, "d": "Char"}, self.DATABASE), [])

    def test_what_is_gone_or_of_another_type_is_named_in_order(self):
        image = {"b": "Char", "c": "Many2one y"}
        self.assertEqual(lacking(image, self.DATABASE), ["a (Text)", "c (Many2one x)"])

    def test_only_the_first_few_are_named(self):
        self.assertEqual(named(list("abcde")), "a, b, c, d, e")
        self.assertEqual(named(list("abcdefg")), "a, b, c, d, e and 2 more")
