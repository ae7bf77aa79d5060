"""Which Odoo is used: that in ODOO_HOME, the official 18.0, or the distribution's.

The one that the checkout has got is kept: a network that comes or goes must not change
the Odoo under a database. The official source is asked for when there is none yet.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.odoo_debian import DebianOdoo
from devtools.odoo_official import OfficialOdoo
from devtools.odoo_tree import OdooTree, inspect_tree

VARIABLE = "ODOO_HOME"


def _official(layout: Layout) -> OfficialOdoo:
    log = layout.logs / "setup-odoo-official.log"
    return OfficialOdoo.from_environment(layout.cache / "odoo", log)


def _debian(layout: Layout) -> DebianOdoo:
    return DebianOdoo(layout.cache / "odoo", layout.logs / "setup-odoo.log")


def locate_odoo(layout: Layout) -> OdooTree:
    """The Odoo to use, without getting it.

    :raises DevtoolsError: when ODOO_HOME holds none, or is unset before ``make setup``.
    """
    home = os.environ.get(VARIABLE)
    if home:
        return inspect_tree(Path(home), f"{VARIABLE}={home}")
    tree = _official(layout).find() or _debian(layout).find()
    if tree is None:
        raise DevtoolsError("there is no Odoo yet", "run `make setup`")
    return tree


def ensure_odoo(layout: Layout, report: Callable[[str], None]) -> OdooTree:
    """The Odoo to use, downloaded now if need be.

    :raises DevtoolsError: when ODOO_HOME holds none, or no source has any.
    """
    if os.environ.get(VARIABLE):
        return locate_odoo(layout)
    official, debian = _official(layout), _debian(layout)
    if official.find() is None and (kept := debian.find()) is not None:
        return kept
    return official.ensure(report) or debian.ensure(report)
