"""A shell with what the addon's unit tests need around them.

``python3 -m devtools.addon_shell SCRIPT`` runs a script with bash while a PostgreSQL
with a copy of the template runs, and tells pytest-odoo about it through pytest's own
variable. A pipeline's step then holds nothing but ``pytest --cov=./ --cov-report=xml``.
``--prepare`` makes everything that takes long, so that the step's time is the tests'.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.odoo_log import find_problems
from devtools.odoo_server import DATABASE, OdooServer
from devtools.odoo_source import locate_odoo
from devtools.odoo_tree import OdooTree
from devtools.ports import Ports
from devtools.postgres import Cluster, find_binaries
from devtools.provision import provision
from devtools.templates import TemplateStore

SHELL = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")
# PostgreSQL comes with the service's.
VENVS = ("odoo", "gps")
LOG_PROBLEMS = 4


def run_script(layout: Layout, tree: OdooTree, script: Path) -> int:
    """Run ``script`` in the current folder, beside a database of its own.

    :returns: the script's exit status, or 4 where Odoo logged problems meanwhile.
    """
    template = TemplateStore(layout, tree).ensure(print)
    folder = layout.run / f"addon-shell-{os.getpid()}"
    ports = Ports.free()
    cluster = Cluster(
        binaries=find_binaries(layout.venv("gps")),
        data=folder / "pgdata",
        port=ports.postgres,
        log=folder / "postgres.log",
        password=template.password,
        durable=False,
    )
    server = OdooServer(
        tree=tree,
        python=layout.python("odoo"),
        folder=folder / "odoo",
        extra_addons=layout.addon.parent,
        environment={},
    )
    log = folder / "odoo.log"
    try:
        template.copy_to(cluster.data, server.filestore)
        server.configure(
            postgres_port=ports.postgres,
            http_port=ports.odoo,
            password=template.password,
            master=secrets.token_urlsafe(24),
            log=log,
        )
        process = cluster.start()
        try:
            environment = server.process_environment | {
                "PYTEST_ADDOPTS": pytest_options(server.config_file)
            }
            command = [*SHELL, str(script)]
            status = subprocess.run(command, env=environment, check=False).returncode
        finally:
            cluster.stop(process)
        return status or _judge_log(log)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_options(config: Path) -> str:
    """What pytest-odoo has to know, for ``PYTEST_ADDOPTS``."""
    options = [f"--odoo-config={config}", f"--odoo-database={DATABASE}"]
    return shlex.join([*options, "--odoo-http", "--odoo-log-level=warn"])


def _judge_log(log: Path) -> int:
    text = log.read_text(errors="replace") if log.is_file() else ""
    problems = find_problems(text)
    for line in problems:
        print(f"odoo: {line}", file=sys.stderr)
    return LOG_PROBLEMS if problems else 0


def main(arguments: Sequence[str]) -> int:
    """Prepare, or run one script."""
    if len(arguments) != 1:
        print("usage: python3 -m devtools.addon_shell --prepare | SCRIPT")
        return 2
    layout = Layout.discover()
    try:
        provision(layout, with_tests=True, venvs=VENVS)
        if arguments[0] == "--prepare":
            TemplateStore(layout, locate_odoo(layout)).ensure(print)
            return 0
        return run_script(layout, locate_odoo(layout), Path(arguments[0]))
    except DevtoolsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
