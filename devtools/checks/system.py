"""The running system that the integration suites look at."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from devtools.checks.check import PASSED, Outcome, failed
from devtools.errors import DevtoolsError
from devtools.instance import Instance
from devtools.layout import Layout


@dataclass
class RunningSystem:
    """A temporary instance, started by one check and used by others."""

    layout: Layout
    _instance: Instance | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def start(self, log: Path) -> Outcome:
        """Create and start it."""
        with log.open("a", encoding="utf-8") as file:
            try:
                instance = self._stack.enter_context(
                    Instance.temporary(
                        "integration",
                        layout=self.layout,
                        report=lambda text: print(text, file=file, flush=True),
                    )
                )
                instance.start()
            except DevtoolsError as error:
                file.writelines(f"{line}\n" for line in (*error.details, str(error)))
                return failed(str(error))
        self._instance = instance
        return PASSED

    def odoo_variables(self) -> dict[str, str]:
        """What the addon's integration suite is told."""
        instance = self._required
        return {
            "STAGING_BASE_URL": instance.urls.odoo,
            "ODOO_ADMIN_PASSWORD": instance.passwords["admin"],
        }

    def gps_variables(self) -> dict[str, str]:
        """What the GPS service's integration suite is told."""
        instance = self._required
        return {
            "STAGING_BASE_URL": instance.urls.gps,
            "GPS_ADMIN_TOKEN": instance.secrets.gps_admin_token,
        }

    @property
    def _required(self) -> Instance:
        if self._instance is None:
            raise DevtoolsError("the system is not running")
        return self._instance

    def close(self) -> None:
        """End it and delete its data; its logs stay in ``reports/``."""
        self._instance = None
        self._stack.close()
