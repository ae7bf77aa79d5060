"""Which Odoo is used: the one in ODOO_HOME, else the distribution's package."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.odoo_debian import DebianOdoo
from devtools.odoo_tree import OdooTree, inspect_tree

VARIABLE = "ODOO_HOME"


def _debian(layout: Layout) -> DebianOdoo:
    return DebianOdoo(layout.cache / "odoo", layout.logs / "setup-odoo.log")


def locate_odoo(layout: Layout) -> OdooTree:
    """The Odoo to use, without getting it.

    :raises DevtoolsError: when ODOO_HOME holds none, or is unset before ``make setup``.
    """
    home = os.environ.get(VARIABLE)
    if home:
        return inspect_tree(Path(home), f"{VARIABLE}={home}")
    tree = _debian(layout).find()
    if tree is None:
        raise DevtoolsError("there is no Odoo yet", "run `make setup`")
    return tree


def ensure_odoo(layout: Layout, report: Callable[[str], None]) -> OdooTree:
    """The Odoo to use, downloaded now if need be.

    :raises DevtoolsError: when ODOO_HOME holds none, or the package cannot be had.
    """
    if os.environ.get(VARIABLE):
        return locate_odoo(layout)
    return _debian(layout).ensure(report)
