"""The parts of the repository that are checked, each with its own settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from devtools.layout import Layout


@dataclass(frozen=True)
class Component:
    """A Source Path, or another folder with lint settings of its own.

    :param name: short, as in ``make test ONLY=gps``.
    :param folder: relative to the repository root.
    :param venv: the virtualenv that holds its tools and what it imports.
    :param typed: how mypy is called.
    :param typed_in: the virtualenv that holds mypy, where that is another one.
    :param audited: has a ``requirements.txt`` of what it runs with.
    :param unit_tests: pytest runs them in the folder, with a coverage gate.
    :param coverage_minimum: of that gate, percent; a delivery pipeline's own may be
        lower, as its specification has it.
    """

    name: str
    folder: str
    venv: str
    typed: tuple[str, ...] = ("mypy", ".")
    typed_in: str = ""
    audited: bool = False
    unit_tests: bool = False
    coverage_minimum: int = 80

    def source_path(self, layout: Layout) -> Path:
        """Its folder."""
        return layout.root / self.folder


ADDON = Component(
    "addon",
    "odoo_addons/tms_management",
    "odoo",
    # Its plain modules: Odoo's models cannot be typed, and its own virtualenv is what
    # the image installs and what tests it.
    typed=("mypy",),
    typed_in="delivery",
    audited=True,
)

# Those whose tests take longest come first.
COMPONENTS = (
    ADDON,
    Component(
        "gps",
        "gps_ingestion_service",
        "gps",
        typed=("mypy",),
        audited=True,
        unit_tests=True,
        coverage_minimum=90,
    ),
    Component("devtools", "devtools", "delivery", unit_tests=True),
    Component(
        "simulator",
        "simulator",
        "integration",
        audited=True,
        unit_tests=True,
    ),
    Component(
        "delivery",
        "delivery",
        "delivery",
        typed=("mypy",),
        audited=True,
        unit_tests=True,
    ),
    Component("e2e", "tests", "integration"),
)
