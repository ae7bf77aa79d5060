"""How the image's launcher configures, migrates and compares."""

import contextlib
import io
import json
import stat
import sys
import tempfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unittest.mock import patch

from odoo.tests import BaseCase
from odoo.tests.common import get_db_name
from odoo.tools import config

CONTAINER = Path(__file__).resolve().parent.parent / "container"
sys.path.insert(0, str(CONTAINER))

import addon_database  # noqa: E402
import tms_odoo  # noqa: E402
from addon_database import Installed, compare, migration  # noqa: E402
from launch_settings import (  # noqa: E402
    DatabaseAhead,
    DatabaseAway,
    LaunchError,
    Settings,
)

IMAGE = (18, 0, 1, 2, 0)


class ContainerCase(BaseCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.home = self.folder / "odoo-home"
        (self.home / "odoo" / "addons").mkdir(parents=True)
        release = "import x\nversion_info = (18, 0, 0, FINAL, 0, '')\n"
        (self.home / "odoo" / "release.py").write_text(release)
        addon = self.folder / "addons" / "tms_management"
        addon.mkdir(parents=True)
        (addon / "__manifest__.py").write_text('{"version": "1.2.0"}')
        for name in ("db_password", "admin_password"):
            (self.folder / name).write_text(f"{name}-value\n")
        self.environment = {
            "ODOO_HOME": str(self.home),
            "TMS_ADDONS": str(self.folder / "addons"),
            "ODOO_RUN_DIR": str(self.folder),
            "ODOO_DB_HOST": "odoo-db",
            "ODOO_DB_NAME": "odoo",
            "ODOO_DB_USER": "odoo",
            "ODOO_DB_PASSWORD_FILE": str(self.folder / "db_password"),
            "ODOO_ADMIN_PASSWORD_FILE": str(self.folder / "admin_password"),
            "TMS_REVISION": "c0ffee",
        }
        self.settings = Settings.read(self.environment)

    def run_main(self, *arguments):
        """Exit status, output and errors of one command."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = tms_odoo.main(arguments, self.environment)
        return status, out.getvalue(), err.getvalue()


class TestSettings(ContainerCase):
    def test_secrets_come_from_files(self):
        self.assertEqual(self.settings.db_password, "db_password-value")

    def test_a_missing_setting_is_named(self):
        del self.environment["ODOO_DB_HOST"]
        status, _out, err = self.run_main("schema")
        self.assertEqual(status, 1)
        self.assertIn("ODOO_DB_HOST is not set", err)

    def test_a_missing_secret_is_named_with_its_path(self):
        self.environment["ODOO_DB_PASSWORD_FILE"] = "/nowhere"
        with self.assertRaisesRegex(LaunchError, "mount the secret"):
            Settings.read(self.environment)

    def test_a_secret_that_exists_during_rotations_only_may_be_absent(self):
        environment = {
            "A_PREVIOUS_FILE": "/nowhere",
            "B_PREVIOUS_FILE": str(self.folder / "db_password"),
            "C_FILE": "/nowhere",
        }
        left = tms_odoo.without_absent_files(environment)
        self.assertEqual(sorted(left), ["B_PREVIOUS_FILE", "C_FILE"])


class TestConfiguration(ContainerCase):
    def options(self, role):
        lines = tms_odoo.configuration(self.settings, role).splitlines()[1:]
        return dict(line.split(" = ", 1) for line in lines)

    def test_each_workload_does_its_own_work(self):
        self.assertEqual(self.options("web")["workers"], "2")
        self.assertEqual(self.options("web")["max_cron_threads"], "0")
        self.assertEqual(self.options("cron")["workers"], "0")
        self.assertEqual(self.options("cron")["max_cron_threads"], "2")
        self.assertEqual(self.options("websocket")["max_cron_threads"], "0")

    def test_the_database_manager_is_closed(self):
        first, second = self.options("web"), self.options("web")
        self.assertEqual(first["list_db"], "False")
        self.assertEqual(first["dbfilter"], "^odoo$")
        self.assertNotEqual(first["admin_passwd"], second["admin_passwd"])

    def test_addons_are_looked_for_where_they_are(self):
        path = self.options("web")["addons_path"]
        self.assertEqual(path, f"{self.home}/odoo/addons,{self.folder}/addons")

    def test_only_this_user_reads_the_file(self):
        tms_odoo.write_configuration(self.settings, "web")
        path = tms_odoo.write_configuration(self.settings, "cron")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertIn("db_password-value", path.read_text())

    def test_the_password_is_not_on_the_command_line(self):
        for role in ("web", "websocket"):
            command = tms_odoo.command_line(self.settings, role, Path("/run/x"))
            self.assertNotIn("value", " ".join(command))
            self.assertEqual("gevent" in command, role == "websocket")


class TestComparison(ContainerCase):
    def test_an_images_version_is_odoos_series_and_the_addons_own(self):
        self.assertEqual(addon_database.image_version(self.settings), IMAGE)

    def test_a_folder_without_odoo_is_an_error(self):
        (self.home / "odoo" / "release.py").write_text("series = '18.0'")
        with self.assertRaisesRegex(LaunchError, "holds no Odoo"):
            addon_database.image_version(self.settings)

    def test_what_is_no_version_is_an_error(self):
        with self.assertRaisesRegex(LaunchError, "is not a version"):
            addon_database.parse_version("saas~18")

    def test_the_database_is_compared_by_number(self):
        older, newer = (18, 0, 1, 1, 9), (18, 0, 1, 10, 0)
        self.assertEqual(compare(IMAGE, Installed(None)), "missing")
        self.assertEqual(compare(IMAGE, Installed(older)), "behind")
        self.assertEqual(compare(IMAGE, Installed(IMAGE)), "current")
        self.assertEqual(compare(IMAGE, Installed(newer)), "ahead")
        cut_off = Installed(IMAGE, settled=False)
        self.assertEqual(compare(IMAGE, cut_off), "behind")

    def test_a_new_database_is_installed_and_an_old_one_updated(self):
        self.assertEqual(migration(IMAGE, Installed(None), "c0ffee"), "-i")
        self.assertEqual(migration(IMAGE, Installed((18, 0)), "c0ffee"), "-u")

    def test_views_follow_the_commit_where_the_version_stays(self):
        self.assertEqual(migration(IMAGE, Installed(IMAGE, True, "old"), "new"), "-u")
        self.assertIsNone(migration(IMAGE, Installed(IMAGE, True, "new"), "new"))

    def test_an_update_that_was_cut_off_is_done_again(self):
        cut_off = Installed(IMAGE, settled=False, revision="new")
        self.assertEqual(migration(IMAGE, cut_off, "new"), "-u")

    def test_pods_wait_until_the_migration_has_written_down_its_end(self):
        for state, revision in (("behind", None), ("current", "old")):
            installed = Installed(IMAGE, revision=revision)
            found = addon_database.serving_state(IMAGE, installed)
            self.assertEqual(found, state)
        behind = addon_database.serving_state(IMAGE, Installed((18, 0)))
        self.assertEqual(behind, "behind")

    def test_a_database_never_goes_back(self):
        with self.assertRaisesRegex(DatabaseAhead, "at least as new"):
            migration(IMAGE, Installed((18, 0, 2, 0, 0)), "c0ffee")


class TestCommands(ContainerCase):
    def test_a_workload_becomes_odoo(self):
        for role in ("web", "websocket", "cron"):
            with patch.object(tms_odoo.os, "execve") as become:
                self.run_main(role)
            _program, command, environment = become.call_args.args
            self.assertEqual(command[-2:], ["--config", f"{self.folder}/odoo.conf"])
            self.assertIn("PATH", environment)

    def test_a_server_that_answers_is_healthy(self):
        class Healthy(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path == "/web/health" else 404)
                self.end_headers()

            def log_message(self, *_args):
                return

        with HTTPServer(("127.0.0.1", 0), Healthy) as server:
            thread = threading.Thread(target=server.handle_request)
            thread.start()
            status = tms_odoo.main(["healthy", "--port", str(server.server_port)], {})
            thread.join()
        self.assertEqual(status, 0)

    def test_each_workload_is_asked_where_it_listens(self):
        ports = {"web": 8069, "cron": 8069, "websocket": 8072}
        for role, port in ports.items():
            tms_odoo.write_configuration(self.settings, role)
            with patch.object(tms_odoo, "healthy", return_value=0) as ask:
                self.assertEqual(self.run_main("healthy")[0], 0)
            ask.assert_called_once_with(port)

    def test_a_server_that_is_not_there_is_not(self):
        self.assertEqual(tms_odoo.main(["healthy", "--port", "1"], {}), 1)


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
        installed = addon_database.read_installed(self.settings)
        self.assertTrue(installed.settled)
        self.assertEqual(len(installed.version), 5)

    def test_a_server_without_the_database_has_nothing_installed(self):
        settings = replace(self.settings, db_name="tms_no_such_database")
        installed = addon_database.read_installed(settings)
        self.assertIsNone(installed.version)

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
        with self.assertRaisesRegex(DatabaseAway, "127.0.0.1:1 is not reachable"):
            tms_odoo.schema(settings, 0)
        clock = iter([0.0, 1.0, 2.0, 99.0])
        waited = []
        with self.assertRaises(DatabaseAway):
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
        run, recorded = self.migrate(Installed(None), Installed(IMAGE))
        command = run.call_args.args[0]
        self.assertIn("-i", command)
        self.assertIn("--without-demo=True", command)
        self.assertIn("--stop-after-init", command)
        self.assertTrue(recorded.call_args.kwargs["new_database"])

    def test_an_update_keeps_the_administrators_password(self):
        before = Installed((18, 0), revision="old")
        run, recorded = self.migrate(before, Installed(IMAGE))
        self.assertIn("-u", run.call_args.args[0])
        self.assertFalse(recorded.call_args.kwargs["new_database"])

    def test_a_first_migration_that_was_cut_off_still_sets_the_password(self):
        installed = Installed(IMAGE)
        _run, recorded = self.migrate(installed, installed)
        self.assertTrue(recorded.call_args.kwargs["new_database"])

    def test_a_second_migration_updates_nothing(self):
        run, recorded = self.migrate(Installed(IMAGE, True, "c0ffee"))
        run.assert_not_called()
        self.assertFalse(recorded.call_args.kwargs["new_database"])

    def recorded(self, new_database=False):
        """Every statement of a record, with its values."""
        with patch.object(addon_database, "connect") as connect:
            addon_database.record(self.settings, new_database)
        cursor = connect.return_value.cursor.return_value
        _sql, parameters = cursor.executemany.call_args.args
        return cursor.execute.call_args_list, dict(parameters)

    def test_what_is_recorded_is_the_commit_and_where_reports_find_their_styles(self):
        self.settings = replace(self.settings, report_url="http://elsewhere:8072")
        passwords, parameters = self.recorded()
        self.assertEqual(passwords, [])
        self.assertEqual(
            parameters,
            {
                "tms_management.image_revision": "c0ffee",
                "report.url": "http://elsewhere:8072",
            },
        )

    def test_an_address_of_reports_that_is_not_configured_is_left_alone(self):
        _passwords, parameters = self.recorded()
        self.assertEqual(list(parameters), ["tms_management.image_revision"])

    def test_a_new_database_gets_the_mounted_password(self):
        (statement,), parameters = self.recorded(new_database=True)
        self.assertIn("login = 'admin'", statement.args[0])
        self.assertNotIn("admin_password-value", str(statement))

    def test_an_update_that_did_not_settle_is_an_error(self):
        with self.assertRaisesRegex(LaunchError, "is behind, not current"):
            self.migrate(Installed((18, 0)), Installed(IMAGE, settled=False))

    def test_a_command_that_would_go_back_has_a_status_of_its_own(self):
        ahead = DatabaseAhead("at least as new")
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
        with self.assertRaises(DatabaseAhead):
            tms_odoo.migrate(self.settings)
