"""Databases made once and copied for every instance.

A template is a stopped PostgreSQL data directory with the filestore that belongs to it.
Two are kept for each Odoo series: ``base`` with Odoo's own modules, which takes most of
the time and seldom changes, and on top of it ``tms`` with the addon.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devtools.digests import digest_files, digest_folder, digest_texts
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.locks import exclusive
from devtools.odoo_server import ADDON, DATABASE, ROLE, OdooServer, write_private
from devtools.odoo_tree import OdooTree
from devtools.ports import Ports
from devtools.postgres import Cluster, find_binaries, quote

BASE_MODULES = ("base", "fleet", "hr", "account", "portal", "mail")
# Part of every key: raise it when the way a template is made changes.
RECIPE = "1"

_FINISH_SCRIPT = """
env["ir.qweb"]._pregenerate_assets_bundles()
env.cr.commit()
"""


@dataclass(frozen=True)
class Template:
    """A finished template.

    :param key: name of its folder.
    :param created_at: when its demo data was made, in seconds since the epoch.
    :param password: of the database roles; an instance replaces it with its own.
    """

    folder: Path
    key: str
    created_at: float
    password: str

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.folder / "pgdata"

    def copy_to(self, data: Path, filestore: Path) -> None:
        """Copy database and filestore to where an instance wants them."""
        copy_tree(self.data, data)
        copy_tree(self.folder / "filestore", filestore)


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder with its owners and modes, sharing blocks where that is possible.

    :raises DevtoolsError: when the disk is full, say.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    command = ["cp", "-a", "--reflink=auto", "-T", "--", str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(target, ignore_errors=True)
        line = (done.stderr.strip().splitlines() or ["cp failed"])[-1]
        raise DevtoolsError("a database could not be copied", line)


@dataclass(frozen=True)
class TemplateStore:
    """The templates of one checkout for one Odoo."""

    layout: Layout
    tree: OdooTree

    @property
    def base_key(self) -> str:
        """Name of the template with Odoo's own modules."""
        lock = self.layout.addon / "requirements.txt"
        locked = digest_files([lock]) if lock.is_file() else ""
        # Its content, not its age: a virtualenv made again holds the same server.
        postgres = digest_files([find_binaries(self.layout.venv("gps")) / "postgres"])
        parts = (RECIPE, self.tree.fingerprint, locked, postgres, *BASE_MODULES)
        return f"{self.tree.series}-base-{digest_texts(*parts)[:12]}"

    @property
    def addon_key(self) -> str:
        """Name of the template with the addon."""
        digest = digest_texts(self.base_key, addon_digest(self.layout))
        return f"{self.tree.series}-tms-{digest[:12]}"

    def find(self, key: str) -> Template | None:
        """A finished template, None where there is none."""
        folder = self.layout.templates / key
        try:
            facts = json.loads((folder / "template.json").read_text())
        except OSError:
            return None
        return Template(folder, key, facts["created_at"], facts["password"])

    def ensure(
        self,
        report: Callable[[str], None] = lambda text: None,
        max_age_s: float = float("inf"),
    ) -> Template:
        """The template with the addon, made now if it is missing or too old.

        :param report: told what is being done.
        :param max_age_s: an older one is made again, for its demo data has dates.
        :raises DevtoolsError: when Odoo fails or logs a problem, with the lines.
        """
        lock = self.layout.cache / "templates.lock"
        with exclusive(lock, "makes a database template"):
            key = self.addon_key
            found = self.find(key)
            if found is not None and time.time() - found.created_at <= max_age_s:
                return found
            base = self.find(self.base_key)
            if base is None:
                report(f"installing Odoo {self.tree.series}'s modules")
                base = self._build(self.base_key, None, self._install_base)
            report("installing the addon with its demo data")
            return self._build(key, base, self._install_addon)

    def _build(
        self,
        key: str,
        source: Template | None,
        install: Callable[[OdooServer], None],
    ) -> Template:
        """Build a template beside its place and move it there when it is complete."""
        folder = self.layout.templates / f".new-{key}"
        # Whoever builds holds the lock: what is half-made was left by a killed build.
        for left in self.layout.templates.glob(".new-*"):
            shutil.rmtree(left, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        password = source.password if source else secrets.token_urlsafe(24)
        ports = Ports.free()
        cluster = Cluster(
            binaries=find_binaries(self.layout.venv("gps")),
            data=folder / "pgdata",
            port=ports.postgres,
            log=self.layout.logs / f"template-{key}-postgres.log",
            password=password,
            durable=False,
        )
        server = OdooServer(
            tree=self.tree,
            python=self.layout.python("odoo"),
            folder=folder / "odoo",
            extra_addons=self.layout.addon.parent,
            environment={},
        )
        server.configure(
            postgres_port=ports.postgres,
            http_port=ports.odoo,
            password=password,
            master=secrets.token_urlsafe(24),
        )
        try:
            self._fill(cluster, server, source, install)
            self._complete(folder, cluster, server)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._replace(folder, key)
        template = self.find(key)
        assert template is not None
        return template

    def _fill(
        self,
        cluster: Cluster,
        server: OdooServer,
        source: Template | None,
        install: Callable[[OdooServer], None],
    ) -> None:
        if source is None:
            cluster.initialise()
        else:
            source.copy_to(cluster.data, server.filestore)
        process = cluster.start()
        try:
            if source is None:
                _create_database(cluster)
            install(server)
        finally:
            cluster.stop(process)
        cluster.sync()

    def _complete(self, folder: Path, cluster: Cluster, server: OdooServer) -> None:
        server.filestore.mkdir(parents=True, exist_ok=True)
        server.filestore.rename(folder / "filestore")
        shutil.rmtree(server.folder)
        facts = {"created_at": time.time(), "password": cluster.password}
        write_private(folder / "template.json", json.dumps(facts))

    def _replace(self, folder: Path, key: str) -> None:
        """Put a finished template in its place, and remove those that it supersedes."""
        kind = key.rpartition("-")[0]
        for old in self.layout.templates.glob(f"{kind}-*"):
            shutil.rmtree(old)
        folder.rename(self.layout.templates / key)

    def _log(self, key: str) -> Path:
        log = self.layout.logs / f"template-{key}.log"
        log.unlink(missing_ok=True)
        return log

    def _install_base(self, server: OdooServer) -> None:
        modules = ",".join(BASE_MODULES)
        server.run_to_end(
            f"--init={modules}", *self.tree.demo_options, log=self._log(self.base_key)
        )

    def _install_addon(self, server: OdooServer) -> None:
        log = self._log(self.addon_key)
        server.run_to_end(f"--init={ADDON}", *self.tree.demo_options, log=log)
        server.run_script(_FINISH_SCRIPT, log=log)


def addon_digest(layout: Layout) -> str:
    """Digest of what of the addon ends up in a database or in its assets."""
    return digest_folder(layout.addon, without=("tests", "kube", "scripts"))


def _create_database(cluster: Cluster) -> None:
    password = quote(cluster.password)
    cluster.query(
        f"CREATE ROLE {ROLE} LOGIN PASSWORD {password};"
        f"CREATE DATABASE {DATABASE} OWNER {ROLE} TEMPLATE template0"
        " ENCODING 'UTF8' LC_COLLATE 'C';"
    )
    cluster.query("CREATE EXTENSION pg_trgm", DATABASE)
