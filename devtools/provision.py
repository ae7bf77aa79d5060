"""Everything a checkout needs before it can run or be tested."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from devtools.assets import ensure_assets
from devtools.layout import VENV_NAMES, Layout
from devtools.locks import exclusive
from devtools.odoo_source import ensure_odoo, locate_odoo
from devtools.preflight import check_machine
from devtools.steps import Progress, Report, Step, run_steps
from devtools.templates import TemplateStore
from devtools.venvs import ensure_venv

RUN_VENVS = ("odoo", "gps", "integration")
# Demo data has dates around the day it was made.
FRESH_DATA_S = 24 * 3600.0


def provision(
    layout: Layout,
    *,
    with_tests: bool,
    fresh_data: bool = False,
    venvs: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> None:
    """Bring the checkout to where it can run; what is done already is skipped.

    :param with_tests: also what only the tests need.
    :param venvs: make only these virtualenvs, at least odoo and gps.
    :param fresh_data: also make the database template again if it is older than a day.
    :raises DevtoolsError: when a step fails; it leaves nothing half-made.
    """
    progress = progress or Progress(sys.stdout)
    with exclusive(layout.cache / "setup.lock", "sets this checkout up"):
        names = venvs or (VENV_NAMES if with_tests else RUN_VENVS)
        run_steps(_steps(layout, with_tests, fresh_data, names), progress)


def _steps(
    layout: Layout, with_tests: bool, fresh_data: bool, venvs: Sequence[str]
) -> list[Step]:
    def machine(report: Report) -> bool:
        return check_machine(layout, with_tests, report)

    def venv(name: str) -> Step:
        def action(report: Report) -> bool:
            return ensure_venv(layout, name, report)

        return Step(f"virtualenv {name}", action, ("machine",))

    def odoo(report: Report) -> bool:
        tree = ensure_odoo(layout, report)
        report(f"Odoo {tree.series} from {tree.origin}")
        return True

    def assets(report: Report) -> bool:
        return ensure_assets(layout, report)

    def template(report: Report) -> bool:
        store = TemplateStore(layout, locate_odoo(layout))
        before = store.find(store.addon_key)
        age = FRESH_DATA_S if fresh_data else float("inf")
        return store.ensure(report, age) != before

    needed = ("virtualenv odoo", "virtualenv gps", "odoo", "assets")
    return [
        Step("machine", machine),
        *(venv(name) for name in venvs),
        Step("odoo", odoo, ("machine",)),
        Step("assets", assets, ("machine",)),
        Step("database template", template, needed),
    ]
