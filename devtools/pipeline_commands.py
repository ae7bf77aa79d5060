"""``pipeline`` and ``pipeline-...``: hand over to ``delivery``.

The work is done by ``python -m delivery``; this makes the virtualenv that it needs.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.odoo_source import VARIABLE, ensure_odoo
from devtools.preflight import check_machine
from devtools.steps import Progress
from devtools.venvs import ensure_shared_venv


def pipeline(layout: Layout, options: Namespace) -> NoReturn:
    """Run the pipelines of the components that are named."""
    python = _prepare(layout)
    words = ["runner", "run", *options.words]
    if "odoo" in words:
        # The image of the addon is built from an Odoo that is on this machine.
        tree = ensure_odoo(layout, Progress(sys.stdout).line)
        words += ["--odoo-home", str(tree.root)]
    _hand_over(layout, python, words)


def rollback(layout: Layout, options: Namespace) -> NoReturn:
    """Bring production back to an image that was there before."""
    _hand_over(layout, _prepare(layout), ["runner", "rollback", *options.words])


def test(layout: Layout, options: Namespace) -> NoReturn:
    """Run the planted cases, or those that ``options.only`` means."""
    python = _prepare(layout)
    odoo = str(ensure_odoo(layout, Progress(sys.stdout).line).root)
    _become(layout, python, _suite(layout, "planted", options.only), {VARIABLE: odoo})


def platform_test(layout: Layout, options: Namespace) -> NoReturn:
    """Bring the local platform up and down for real, and look at all that it has."""
    python = _prepare(layout)
    _become(layout, python, _suite(layout, "platform_real", options.only), {})


def down(layout: Layout, options: Namespace) -> NoReturn:
    """Take the local platform down and compare the machine with how it was."""
    _hand_over(layout, _prepare(layout), ["platform", "down"])


def _suite(layout: Layout, name: str, only: str) -> list[str]:
    """pytest on a suite of ``delivery`` that has settings of its own."""
    folder = str(layout.root / "delivery" / "tests" / name)
    chosen = ["-k", only] if only else []
    return ["pytest", "--verbose", "-c", f"{folder}/pytest.ini", *chosen, folder]


def _prepare(layout: Layout) -> Path:
    """The Python of the virtualenv ``delivery``.

    :raises DevtoolsError: for anybody but root
    """
    if os.geteuid() != 0:
        raise DevtoolsError(
            "the pipelines need a container engine and a cluster, which make"
            " namespaces, mounts and firewall rules on this machine",
            "run this as root",
        )
    report = Progress(sys.stdout).line
    check_machine(layout, True, report)
    return ensure_shared_venv(layout, "delivery", report) / "bin" / "python"


def _hand_over(layout: Layout, python: Path, words: Sequence[str]) -> NoReturn:
    """Become ``python -m delivery``, which then owns the terminal and Ctrl-C."""
    _become(layout, python, ["delivery", *words], {})


def _become(
    layout: Layout, python: Path, words: Sequence[str], extra: Mapping[str, str]
) -> NoReturn:
    """Become ``python -m WORDS`` with ``delivery`` on its path."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(layout.root / "delivery" / "src"),
        "TMS_CACHE_DIR": str(layout.cache),
        **extra,
    }
    argv = [str(python), "-m", *words]
    os.execve(python, argv, environment)  # nosec B606
