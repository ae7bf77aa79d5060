"""Fixtures of the suite that runs against a deployed service.

It needs pytest and httpx only, and two variables: ``STAGING_BASE_URL`` and
``GPS_ADMIN_TOKEN``. One that is unset is an error, never a skip. Everything the suite
makes carries an id of its own run and is disabled at the end.
"""

import os
import uuid
from collections.abc import Iterator

import httpx
import pytest
from fleet import Provision, Tracker


def required(name: str) -> str:
    """The value of a variable, or an error that says how to run the suite."""
    value = os.environ.get(name, "")
    if not value:
        pytest.exit(
            f"{name} is not set; run: STAGING_BASE_URL=http://host:8070 "
            "GPS_ADMIN_TOKEN=... pytest tests/integration",
            returncode=2,
        )
    return value


@pytest.fixture(scope="session")
def base_url() -> str:
    """Where the service is."""
    return required("STAGING_BASE_URL").rstrip("/")


@pytest.fixture(scope="session")
def run_id() -> str:
    """What tells this run's devices from those of every other run."""
    return uuid.uuid4().hex[:12]


@pytest.fixture(scope="session")
def anonymous(base_url: str) -> Iterator[httpx.Client]:
    """A client without a token."""
    with httpx.Client(base_url=base_url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def admin(base_url: str) -> Iterator[httpx.Client]:
    """A client with the admin token."""
    headers = {"Authorization": f"Bearer {required('GPS_ADMIN_TOKEN')}"}
    with httpx.Client(base_url=base_url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def provision(admin: httpx.Client, run_id: str) -> Iterator[Provision]:
    """Makes trackers; whatever a test made is disabled when it ends."""
    made: list[Tracker] = []

    def make() -> Tracker:
        # Vehicles of this form exist in no fleet, so nothing reaches a real map.
        unique = f"{run_id}{uuid.uuid4().hex[:6]}"
        tracker = Tracker(admin, f"itest-{unique}", f"ITEST{unique.upper()}")
        made.append(tracker)
        return tracker

    yield make
    for tracker in made:
        tracker.put(enabled=False)


@pytest.fixture
def tracker(provision: Provision) -> Tracker:
    """One provisioned tracker."""
    return provision()
