"""Odoo's configuration file and command lines."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devtools.commands import run_to_log
from devtools.errors import DevtoolsError
from devtools.odoo_log import find_problems
from devtools.odoo_tree import OdooTree
from devtools.ports import LOOPBACK
from devtools.processes import last_lines

DATABASE = "tms"
ROLE = "odoo"
ADDON = "tms_management"


@dataclass(frozen=True)
class OdooServer:
    """One Odoo with one database.

    :param python: interpreter of the virtualenv with Odoo's dependencies.
    :param folder: holds the configuration and the filestore, and is the working folder.
    :param extra_addons: folder that holds the addon.
    :param environment: variables for the process, beside the tree's own.
    """

    tree: OdooTree
    python: Path
    folder: Path
    extra_addons: Path
    environment: Mapping[str, str]

    @property
    def config_file(self) -> Path:
        """Configuration with the database password, readable by its owner only."""
        return self.folder / "odoo.conf"

    @property
    def filestore(self) -> Path:
        """Attachments of the database."""
        return self.folder / "odoo-data" / "filestore" / DATABASE

    @property
    def process_environment(self) -> dict[str, str]:
        """Whole environment of an Odoo process."""
        return self.tree.environment | dict(self.environment)

    def configure(
        self,
        *,
        postgres_port: int,
        http_port: int,
        password: str,
        master: str,
        log: Path | None = None,
    ) -> None:
        """Write the configuration file.

        :param password: of the database role.
        :param master: of Odoo's database manager, which is switched off all the same.
        :param log: file for Odoo's log, by default its standard error.
        """
        addons = [*self.tree.addons_folders, self.extra_addons]
        options: dict[str, object] = {
            "addons_path": ",".join(str(folder) for folder in addons),
            "admin_passwd": master,
            "data_dir": self.folder / "odoo-data",
            "db_host": LOOPBACK,
            "db_port": postgres_port,
            "db_user": ROLE,
            "db_password": password,
            "db_name": DATABASE,
            "dbfilter": f"^{DATABASE}$",
            "list_db": False,
            "http_interface": LOOPBACK,
            "http_port": http_port,
            "proxy_mode": False,
            "workers": 0,
            "max_cron_threads": 1,
        }
        if log is not None:
            options["logfile"] = log
        lines = ["[options]", *(f"{key} = {value}" for key, value in options.items())]
        # A percent sign is an interpolation in this format.
        text = "\n".join(lines).replace("%", "%%") + "\n"
        write_private(self.config_file, text)

    def command(self, *arguments: str) -> list[str]:
        """Command line of a server; ``arguments`` are further options."""
        return [
            str(self.python),
            "-m",
            "odoo",
            "server",
            f"--config={self.config_file}",
            f"--database={DATABASE}",
            *arguments,
        ]

    def run_to_end(self, *arguments: str, log: Path) -> None:
        """Run a server with ``--stop-after-init``, such as an update of a module.

        :raises DevtoolsError: when it fails or logs a problem, with the lines.
        """
        self._run([*self.command("--stop-after-init", *arguments)], log, script="")

    def run_script(self, script: str, *, log: Path) -> None:
        """Run Python in Odoo's shell, with ``env`` as administrator.

        :raises DevtoolsError: when it raises or logs a problem, with the lines.
        """
        command = [str(self.python), "-m", "odoo", "shell", "--no-http"]
        command += [f"--config={self.config_file}", f"--database={DATABASE}"]
        self._run(command, log, script=script)

    def _run(self, command: list[str], log: Path, script: str) -> None:
        start = log.stat().st_size if log.exists() else 0
        status = run_to_log(
            command,
            log=log,
            cwd=self.folder,
            env=self.process_environment,
            text=script,
        )
        with log.open("rb") as file:
            file.seek(start)
            problems = find_problems(file.read().decode("utf-8", "replace"))
        if status != 0:
            raise DevtoolsError(
                f"Odoo ended with status {status}",
                f"see {log}",
                tuple(problems[:40]) or last_lines(log),
            )
        if problems:
            raise DevtoolsError(
                f"Odoo logged {len(problems)} lines of problems",
                f"see {log}",
                tuple(problems[:40]),
            )


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in place of an older one at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)
