"""What the tests of the image's launcher share."""

import contextlib
import io
import sys
import tempfile
from pathlib import Path

from odoo.tests import BaseCase

CONTAINER = Path(__file__).resolve().parent.parent / "container"
sys.path.insert(0, str(CONTAINER))

import addon_database  # noqa: E402
import launch_settings  # noqa: E402
import tms_odoo  # noqa: E402

VERSION = (18, 0, 1, 2, 0)
NAME, NOTES = {"tms.trip.name": "Char"}, {"tms.trip.notes": "Text"}
IMAGE = addon_database.Image(VERSION, "c0ffee", {**NAME, **NOTES})
MODEL = """
class Trip(models.Model):
    _name = "tms.trip"
    name = fields.Char()
    notes = fields.Text()
"""


def installed(version=VERSION, **found):
    """A database at this image's version, unless told otherwise."""
    return addon_database.Installed(version, **found)


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
        (addon / "trip.py").write_text(MODEL)
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
        self.settings = launch_settings.Settings.read(self.environment)

    def run_main(self, *arguments):
        """Exit status, output and errors of one command."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = tms_odoo.main(arguments, self.environment)
        return status, out.getvalue(), err.getvalue()
