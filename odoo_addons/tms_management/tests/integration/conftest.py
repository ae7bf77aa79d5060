"""Fixtures of the suite that runs against a deployed Odoo with this addon.

It needs pytest and httpx only, and three variables: ``STAGING_BASE_URL``, and
``STAGING_LOGIN`` with ``STAGING_PASSWORD`` of a dispatcher. One that is unset is an
error, never a skip. Everything the suite makes carries an id of its own run and is
removed at the end; it borrows a free vehicle and a free driver for seconds.
"""

import os
import uuid
from collections.abc import Iterator

import httpx
import pytest
from rpc import OdooSession
from yard import Yard


def required(name: str) -> str:
    """The value of a variable, or an error that says how to run the suite."""
    value = os.environ.get(name, "")
    if not value:
        pytest.exit(
            f"{name} is not set; run: STAGING_BASE_URL=http://host:8069 "
            "STAGING_LOGIN=... STAGING_PASSWORD=... pytest tests/integration",
            returncode=2,
        )
    return value


@pytest.fixture
def anonymous() -> Iterator[OdooSession]:
    """A session that has not logged in."""
    base_url = required("STAGING_BASE_URL").rstrip("/")
    with httpx.Client(base_url=base_url, timeout=60) as client:
        yield OdooSession(client)


@pytest.fixture(scope="session")
def dispatcher() -> Iterator[OdooSession]:
    """The dispatcher's session."""
    base_url = required("STAGING_BASE_URL").rstrip("/")
    with httpx.Client(base_url=base_url, timeout=60) as client:
        session = OdooSession(client)
        session.login(required("STAGING_LOGIN"), required("STAGING_PASSWORD"))
        yield session


@pytest.fixture(scope="session")
def yard(dispatcher: OdooSession) -> Iterator[Yard]:
    """Makes trips between places of its own and removes all of it."""
    yard = Yard(dispatcher, f"itest-{uuid.uuid4().hex[:12]}")
    yield yard
    yard.clear()
