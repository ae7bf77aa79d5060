"""How long the faults last, and the account that each test ends with.

``FAULTS=soak`` is the long form of the same tests.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.ledger import Account, account
from support.load import Load
from support.postgres import free_port
from support.service import ServiceProcess, settings_for

Settle = Callable[[Load], Awaitable[Account]]
Start = Callable[..., AbstractAsyncContextManager[ServiceProcess]]
_ACCOUNT = "account"


@dataclass(frozen=True)
class Scale:
    """How much a fault test does.

    ``rounds`` times the fault comes; between two of them at least ``fixes`` are
    acknowledged and ``calm_s`` seconds go by. ``outage_s``: how long the database is
    away, or the disk full; ``odoo_outage_s``: Odoo. ``idle`` trackers say nothing,
    ``slow`` senders of each kind send a byte a second, ``silent`` HTTP connections say
    nothing where ``connections`` are permitted; a sender is too slow after
    ``patience_s``. A device pauses ``pause_s`` after each acknowledgement.
    """

    rounds: int
    fixes: int
    calm_s: float
    outage_s: float
    odoo_outage_s: float
    idle: int
    slow: int
    silent: int
    connections: int
    patience_s: float
    pause_s: float


SHORT = Scale(
    rounds=1,
    fixes=300,
    calm_s=0,
    outage_s=2,
    odoo_outage_s=2,
    idle=1000,
    slow=10,
    silent=300,
    connections=150,
    patience_s=2,
    pause_s=0.03,
)
SOAK = Scale(
    rounds=12,
    fixes=2000,
    calm_s=20,
    outage_s=60,
    odoo_outage_s=600,
    idle=10_000,
    slow=300,
    silent=6000,
    connections=4000,
    patience_s=30,
    pause_s=0.1,
)


@pytest.fixture(scope="session")
def scale() -> Scale:
    """The short form, unless the long one is asked for."""
    return SOAK if os.environ.get("FAULTS") == "soak" else SHORT


@pytest.fixture
def settle(request: pytest.FixtureRequest) -> Settle:
    """Compare what was acknowledged with the table, and require each fix once."""

    async def compare(load: Load) -> Account:
        found = await account(load.ledger, load.url)
        # With the test's report it gets to the process that prints.
        request.node.user_properties.append((_ACCOUNT, str(found)))
        found.require_exactly_once()
        return found

    return compare


@pytest.fixture
async def start(url: str, tmp_path: Path) -> Start:
    """Start a service of the test's own on a fresh database."""

    @asynccontextmanager
    async def running(
        database: str = url, **settings: Any
    ) -> AsyncIterator[ServiceProcess]:
        async with serving(database, tmp_path, **settings) as process:
            yield process

    return running


@asynccontextmanager
async def serving(
    url: str, folder: Path, **settings: Any
) -> AsyncIterator[ServiceProcess]:
    """A service on every port, on that database; at its end it stops cleanly."""
    process = ServiceProcess(
        settings_for(
            url,
            teltonika_port=free_port(),
            gt06_port=free_port(),
            device_requests_per_s=0,
            **settings,
        ),
        free_port(),
        folder / "service.log",
    )
    try:
        await process.start()
        yield process
        assert await process.terminate() == 0
    finally:
        process.end()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter,
) -> None:
    """Show every account: a promise that was kept is a number, too."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports(
        "failed"
    ):
        for name, value in report.user_properties:
            if name == _ACCOUNT:
                terminalreporter.write_line(f"{report.location[2]}: {value}")
