"""How the image's launcher is configured, and what its commands do."""

import stat
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unittest.mock import patch

from .container_common import ContainerCase, launch_settings, tms_odoo


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
        with self.assertRaisesRegex(launch_settings.LaunchError, "mount the secret"):
            launch_settings.Settings.read(self.environment)

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

    def test_the_database_is_verified_where_the_environment_says_so(self):
        self.assertEqual(self.options("web")["db_sslmode"], "prefer")
        self.environment["PGSSLMODE"] = "verify-full"
        self.settings = launch_settings.Settings.read(self.environment)
        self.assertEqual(self.options("web")["db_sslmode"], "verify-full")

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
