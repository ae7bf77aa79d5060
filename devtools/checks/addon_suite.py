"""The addon's tests as a program: ``python -m devtools.checks.addon_suite FOLDER``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from devtools.addon_tests import run_addon_tests
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.odoo_source import locate_odoo


def main(folder: str) -> int:
    """Run the tests; JUnit XML and Odoo's log go to the folder.

    :returns: 0 when all passed and Odoo's log is clean.
    """
    results = Path(folder)
    shutil.rmtree(results, ignore_errors=True)
    layout = Layout.discover()
    try:
        result = run_addon_tests(layout, locate_odoo(layout), reports=results)
    except DevtoolsError as error:
        print(*error.details, f"error: {error}", sep="\n")
        return 1
    print(result.summary())
    return 0 if result.passed else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
