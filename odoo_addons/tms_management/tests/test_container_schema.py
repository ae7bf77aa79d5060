"""How the image's launcher compares a database with itself, and migrates it."""

import contextlib
import io
import json
from contextlib import closing
from dataclasses import replace
from unittest.mock import patch

from odoo.tests.common import get_db_name
from odoo.tools import config

from .container_common import (
    IMAGE,
    NAME,
    ContainerCase,
    addon_database,
    installed,
    launch_settings,
    tms_odoo,
)


class TestComparison(ContainerCase):
    def test_an_images_version_is_odoos_series_and_the_addons_own(self):
        self.assertEqual(addon_database.read_image(self.settings), IMAGE)

    def test_a_folder_without_odoo_is_an_error(self):
        (self.home / "odoo" / "release.py").write_text("series = '18.0'")
        with self.assertRaisesRegex(launch_settings.LaunchError, "holds no Odoo"):
            addon_database.read_image(self.settings)

    def test_what_is_no_version_is_an_error(self):
        with self.assertRaisesRegex(launch_settings.LaunchError, "is not a version"):
            addon_database.parse_version("saas~18")

    def test_the_database_is_compared_by_number(self):
        older, newer = (18, 0, 1, 1, 9), (18, 0, 1, 10, 0)
        self.assertEqual(addon_database.compare(IMAGE, installed(None)), "missing")
        self.assertEqual(addon_database.compare(IMAGE, installed(older)), "behind")
        self.assertEqual(addon_database.compare(IMAGE, installed()), "current")
        self.assertEqual(addon_database.compare(IMAGE, installed(newer)), "ahead")
        self.assertEqual(
            addon_database.compare(IMAGE, installed(settled=False)), "behind"
        )

    def test_a_new_database_is_installed_and_an_old_one_updated(self):
        self.assertEqual(addon_database.migration(IMAGE, installed(None)), "-i")
        self.assertEqual(addon_database.migration(IMAGE, installed((18, 0))), "-u")

    def test_views_follow_the_commit_where_the_version_stays(self):
        self.assertEqual(
            addon_database.migration(IMAGE, installed(revision="old")), "-u"
        )
        self.assertIsNone(addon_database.migration(IMAGE, installed(revision="c0ffee")))

    def test_an_update_that_was_cut_off_is_done_again(self):
        cut_off = installed(settled=False, revision="c0ffee")
        self.assertEqual(addon_database.migration(IMAGE, cut_off), "-u")

    def test_a_database_never_goes_back(self):
        with self.assertRaisesRegex(launch_settings.DatabaseAhead, "at least as new"):
            addon_database.migration(IMAGE, installed((18, 0, 2, 0, 0)))


class TestFieldsOfOneVersion(ContainerCase):
    """Images of one version, told apart by what they store."""

    def test_fields_may_be_added(self):
        for fields in (NAME, IMAGE.fields):
            database = installed(revision="old", fields=fields)
            self.assertEqual(addon_database.compare(IMAGE, database), "current")
            self.assertEqual(addon_database.migration(IMAGE, database), "-u")

    def test_an_image_that_lacks_a_field_or_has_another_type_is_older(self):
        for fields in (NAME, {**NAME, "tms.trip.notes": "Html"}, {}):
            image = replace(IMAGE, fields=fields)
            database = installed(settled=False, fields=IMAGE.fields)
            self.assertEqual(addon_database.compare(image, database), "ahead")
            self.assertEqual(addon_database.serving_state(image, database), "ahead")
            with self.assertRaisesRegex(
                launch_settings.DatabaseAhead, r"tms.trip.notes \(Text\)"
            ):
                addon_database.migration(image, database)

    def test_the_message_says_how_a_field_is_removed_on_purpose(self):
        image = replace(IMAGE, fields=NAME)
        with self.assertRaisesRegex(
            launch_settings.DatabaseAhead, "raises the version in __manif"
        ):
            addon_database.migration(image, installed(fields=IMAGE.fields))

    def test_a_higher_version_may_remove_a_field(self):
        image = replace(IMAGE, version=(18, 0, 1, 3, 0), fields=NAME)
        database = installed(revision="old", fields=IMAGE.fields)
        self.assertEqual(addon_database.compare(image, database), "behind")
        self.assertEqual(addon_database.migration(image, database), "-u")

    def test_a_database_that_recorded_no_fields_is_compared_by_version(self):
        database = installed(revision="old")
        image = replace(IMAGE, fields={})
        self.assertEqual(addon_database.compare(image, database), "current")
        self.assertEqual(addon_database.migration(image, database), "-u")

    def test_the_report_names_what_the_image_lacks(self):
        image = replace(IMAGE, fields=NAME)
        self.assertEqual(
            addon_database.report(image, installed(fields=IMAGE.fields)),
            {
                "image": "18.0.1.2.0",
                "database": "18.0.1.2.0 with tms.trip.notes (Text)",
                "state": "ahead",
            },
        )


class TestServing(ContainerCase):
    def test_pods_wait_for_the_migration_of_their_own_revision(self):
        for revisions in ((), ("old",)):
            database = installed(revisions=revisions)
            self.assertEqual(addon_database.serving_state(IMAGE, database), "behind")
        done = installed(revisions=("c0ffee", "old"))
        self.assertEqual(addon_database.serving_state(IMAGE, done), "current")

    def test_pods_that_were_there_before_come_back_during_a_deployment(self):
        database = installed(revisions=("new", "c0ffee"))
        self.assertEqual(addon_database.serving_state(IMAGE, database), "current")

    def test_pods_wait_for_an_update_that_is_under_way(self):
        database = installed(settled=False, revisions=("c0ffee",))
        self.assertEqual(addon_database.serving_state(IMAGE, database), "behind")

    def test_pods_of_an_older_version_come_back(self):
        database = installed((18, 0, 2, 0, 0), revisions=("new",))
        self.assertEqual(addon_database.serving_state(IMAGE, database), "ahead")

    def test_a_database_that_could_not_be_asked_is_in_no_known_state(self):
        found = addon_database.report(IMAGE, None)
        self.assertEqual((found["database"], found["state"]), (None, "unknown"))


class TestRealDatabase(ContainerCase):
    """Against the database that these tests run in."""

    def setUp(self):
        super().setUp()
        self.settings = replace(
            self.settings,
            db_host=config["db_host"] or "127.0.0.1",
            db_port=int(config["db_port"] or 5432),
            db_user=config["db_user"],
            db_password=config["db_password"] or "",
            db_name=get_db_name(),
        )

    def at(self, version):
        manifest = self.folder / "addons" / "tms_management" / "__manifest__.py"
        manifest.write_text(json.dumps({"version": version}))

    def say(self, wait_s=0.0):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = tms_odoo.schema(self.settings, wait_s)
        return status, json.loads(out.getvalue())

    def test_reads_the_addons_version(self):
        found = addon_database.read_installed(self.settings)
        self.assertTrue(found.settled)
        self.assertEqual(len(found.version), 5)

    def parameters(self, cursor):
        """What migrations have recorded in this database."""
        cursor.execute(
            "SELECT key, value FROM ir_config_parameter WHERE key LIKE %s",
            ["tms_management.image_%"],
        )
        return cursor.fetchall()

    def put_back(self, rows):
        with closing(addon_database.connect(self.settings, get_db_name())) as server:
            cursor = server.cursor()
            cursor.execute(
                "DELETE FROM ir_config_parameter WHERE key LIKE %s",
                ["tms_management.image_%"],
            )
            cursor.executemany(
                "INSERT INTO ir_config_parameter (key, value) VALUES (%s, %s)", rows
            )

    def record(self, image, before):
        """What is found after a migration to ``image`` has been recorded."""
        addon_database.record(self.settings, image, before)
        return addon_database.read_installed(self.settings)

    def test_what_a_migration_recorded_is_found_again(self):
        with closing(addon_database.connect(self.settings, get_db_name())) as server:
            self.addCleanup(self.put_back, self.parameters(server.cursor()))
        version = addon_database.read_installed(self.settings).version
        # With a revision: the administrator's password stays.
        before = addon_database.Installed(version, revision="any", revisions=("older",))
        first = self.record(addon_database.Image(version, "first", NAME), before)
        self.assertEqual((first.revision, first.fields), ("first", NAME))
        self.assertEqual(first.revisions, ("first", "older"))
        again = self.record(addon_database.Image(version, "first", NAME), first)
        self.assertEqual(again, first)
        kept = addon_database.REVISIONS_KEPT
        for number in range(kept):
            last = self.record(
                addon_database.Image(version, f"r{number}", IMAGE.fields), again
            )
            again = last
        self.assertEqual(
            (last.revisions[0], last.fields), (f"r{kept - 1}", IMAGE.fields)
        )
        self.assertEqual(len(last.revisions), kept)
        self.assertNotIn("first", last.revisions)

    def test_a_new_version_knows_nothing_of_what_was_recorded_before(self):
        with closing(addon_database.connect(self.settings, get_db_name())) as server:
            self.addCleanup(self.put_back, self.parameters(server.cursor()))
        found = addon_database.read_installed(self.settings)
        before = replace(found, revision="any", revisions=("old",))
        newer = (*found.version[:-1], found.version[-1] + 1)
        other = addon_database.Image(newer, "new", NAME)
        after = self.record(other, before)
        self.assertEqual((after.revision, after.revisions), ("new", ()))
        self.assertIsNone(after.fields)

    def test_a_server_without_the_database_has_nothing_installed(self):
        settings = replace(self.settings, db_name="tms_no_such_database")
        self.assertIsNone(addon_database.read_installed(settings).version)

    def test_a_database_without_odoo_has_nothing_installed(self):
        settings = replace(self.settings, db_name="template1")
        self.assertIsNone(addon_database.read_installed(settings).version)

    def test_an_old_image_finds_the_database_ahead_and_may_still_start(self):
        self.at("0.0.1")
        (self.home / "odoo" / "release.py").write_text("version_info = (1, 0, 0)")
        status, report = self.say(wait_s=5)
        self.assertEqual((status, report["state"]), (0, "ahead"))

    def test_a_new_image_waits_in_vain_without_a_migration(self):
        self.at("1000.0.0")
        (self.home / "odoo" / "release.py").write_text("version_info = (99, 0, 0)")
        clock = iter([0.0, 1.0, 2.0, 3.0, 99.0, 99.0])
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = tms_odoo.schema(
                self.settings, 10, lambda: next(clock), lambda seconds: None
            )
        self.assertEqual(status, 1)
        self.assertEqual(json.loads(out.getvalue())["state"], "behind")

    def test_a_server_that_is_away_is_waited_for_and_then_named(self):
        settings = replace(self.settings, db_host="127.0.0.1", db_port=1)
        with self.assertRaisesRegex(
            launch_settings.DatabaseAway, "127.0.0.1:1 is not reachable"
        ):
            tms_odoo.schema(settings, 0)
        clock = iter([0.0, 1.0, 2.0, 99.0])
        waited = []
        with self.assertRaises(launch_settings.DatabaseAway):
            tms_odoo.schema(settings, 10, lambda: next(clock), waited.append)
        self.assertEqual(len(waited), 1)

    def migrate(self, *states):
        """Migrate where the database is found in ``states``; what Odoo was told."""
        with (
            patch.object(tms_odoo, "read_installed", side_effect=states),
            patch.object(tms_odoo.subprocess, "run") as run,
            patch.object(tms_odoo, "record") as recorded,
            contextlib.redirect_stdout(io.StringIO()),
        ):
            tms_odoo.migrate(self.settings)
        return run, recorded

    def test_a_new_database_is_installed_without_demo_data(self):
        run, recorded = self.migrate(installed(None), installed())
        command = run.call_args.args[0]
        self.assertIn("-i", command)
        self.assertIn("--without-demo=True", command)
        self.assertIn("--stop-after-init", command)
        recorded.assert_called_once_with(self.settings, IMAGE, installed(None))

    def test_an_update_records_what_was_there_before_it(self):
        before = installed((18, 0), revision="old")
        run, recorded = self.migrate(before, installed())
        self.assertIn("-u", run.call_args.args[0])
        recorded.assert_called_once_with(self.settings, IMAGE, before)

    def test_a_second_migration_updates_nothing(self):
        run, recorded = self.migrate(installed(revision="c0ffee"))
        run.assert_not_called()
        recorded.assert_called_once()

    def recorded(self, **before):
        """Every statement of a record, with its values."""
        with patch.object(addon_database, "connect") as connect:
            addon_database.record(self.settings, IMAGE, installed(**before))
        cursor = connect.return_value.cursor.return_value
        _sql, parameters = cursor.executemany.call_args.args
        return cursor.execute.call_args_list, dict(parameters)

    def test_a_record_says_where_reports_find_their_styles(self):
        self.settings = replace(self.settings, report_url="http://elsewhere:8072")
        _passwords, parameters = self.recorded()
        self.assertEqual(parameters["report.url"], "http://elsewhere:8072")

    def test_an_address_of_reports_that_is_not_configured_is_left_alone(self):
        _passwords, parameters = self.recorded()
        self.assertNotIn("report.url", parameters)

    def test_an_update_keeps_the_administrators_password(self):
        passwords, _parameters = self.recorded(revision="old")
        self.assertEqual(passwords, [])

    def test_a_new_database_gets_the_mounted_password(self):
        """Also where the first migration was cut off before it set one."""
        (statement,), _parameters = self.recorded(revision=None)
        self.assertIn("login = 'admin'", statement.args[0])
        self.assertNotIn("admin_password-value", str(statement))

    def test_an_update_that_did_not_settle_is_an_error(self):
        with self.assertRaisesRegex(
            launch_settings.LaunchError, "is behind, not current"
        ):
            self.migrate(installed((18, 0)), installed(settled=False))

    def test_a_command_that_would_go_back_has_a_status_of_its_own(self):
        ahead = launch_settings.DatabaseAhead("at least as new")
        with patch.object(tms_odoo, "migrate", side_effect=ahead):
            status, _out, err = self.run_main("migrate")
        self.assertEqual(status, tms_odoo.DATABASE_AHEAD)
        self.assertIn("tms-odoo: at least as new", err)

    def test_a_migration_that_went_well_is_a_success(self):
        with patch.object(tms_odoo, "migrate"):
            status, _out, _err = self.run_main("migrate")
        self.assertEqual(status, 0)

    def test_nothing_is_migrated_backwards(self):
        self.at("0.0.1")
        (self.home / "odoo" / "release.py").write_text("version_info = (1, 0, 0)")
        with self.assertRaises(launch_settings.DatabaseAhead):
            tms_odoo.migrate(self.settings)
