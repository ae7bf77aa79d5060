"""Fixtures of the suite that runs against a deployed Odoo with this addon.

It needs pytest and httpx only, and two variables: ``STAGING_BASE_URL`` and
``ODOO_ADMIN_PASSWORD``. One that is unset is an error, never a skip. The administrator
only makes the run's own dispatcher, vehicle and driver; whatever the suite makes
carries an id of its own run and is removed at the end.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from crew import Crew
from rpc import OdooSession
from yard import Yard


def required(name: str) -> str:
    """The value of a variable, or an error that says how to run the suite."""
    value = os.environ.get(name, "")
    if not value:
        pytest.exit(
            f"{name} is not set; run: STAGING_BASE_URL=http://host:8069 "
            "ODOO_ADMIN_PASSWORD=... pytest tests/integration",
            returncode=2,
        )
    return value


@contextmanager
def new_session() -> Iterator[OdooSession]:
    """A session that has not logged in."""
    base_url = required("STAGING_BASE_URL").rstrip("/")
    with httpx.Client(base_url=base_url, timeout=60) as client:
        yield OdooSession(client)


@pytest.fixture
def anonymous() -> Iterator[OdooSession]:
    """A session that has not logged in."""
    with new_session() as session:
        yield session


@pytest.fixture(scope="session")
def crew() -> Iterator[Crew]:
    """The run's own dispatcher, vehicle and driver."""
    with new_session() as admin:
        admin.login("admin", required("ODOO_ADMIN_PASSWORD"))
        crew = Crew(admin, f"itest-{uuid.uuid4().hex[:12]}")
        try:
            crew.hire()
            yield crew
        finally:
            crew.dismiss()


@pytest.fixture(scope="session")
def dispatcher(crew: Crew) -> Iterator[OdooSession]:
    """The dispatcher's session."""
    with new_session() as session:
        session.login(crew.login, crew.password)
        yield session


@pytest.fixture(scope="session")
def yard(dispatcher: OdooSession, crew: Crew) -> Iterator[Yard]:
    """Makes trips between places of its own and removes all of it."""
    yard = Yard(dispatcher, crew)
    yield yard
    yard.clear()
