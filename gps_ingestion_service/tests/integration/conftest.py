"""Fixtures of the suite that runs against a deployed service.

It needs pytest and httpx only, and two variables: ``STAGING_BASE_URL`` and
``GPS_ADMIN_TOKEN``. One that is unset is an error, never a skip. Everything the suite
makes carries an id of its own run and is gone at the end, which is checked.
"""

import os
import uuid
from collections.abc import Iterator

import httpx
import pytest
from fleet import Provision, Tracker, paged


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
    """What the ids of this run's devices, and of nobody else's, begin with."""
    return f"itest-{uuid.uuid4().hex[:12]}"


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


def own(admin: httpx.Client, path: str, cursor: object, run_id: str) -> list[object]:
    """What of a list is this run's, by its id where it has one."""
    return [
        item.get("id", item["device_id"])
        for item in paged(admin, path, cursor)
        if str(item["device_id"]).startswith(run_id)
    ]


@pytest.fixture(scope="session", autouse=True)
def nothing_left(admin: httpx.Client, run_id: str) -> Iterator[None]:
    """Discards what the run has put into quarantine, and proves that nothing stays."""
    yield
    for message in own(admin, "/v1/quarantine", 0, run_id):
        response = admin.delete(f"/v1/quarantine/{message}")
        assert response.status_code == 204, response.text
    assert own(admin, "/v1/quarantine", 0, run_id) == []
    assert own(admin, "/v1/devices", "", run_id) == []


@pytest.fixture
def provision(admin: httpx.Client, run_id: str) -> Iterator[Provision]:
    """Makes trackers; whatever a test made is deleted when it ends."""
    made: list[Tracker] = []

    def make() -> Tracker:
        # Vehicles of this form exist in no fleet, so nothing reaches a real map.
        device_id = f"{run_id}{uuid.uuid4().hex[:6]}"
        vehicle = device_id.replace("-", "").upper()
        tracker = Tracker(admin, device_id, vehicle)
        made.append(tracker)
        return tracker

    yield make
    for tracker in made:
        tracker.remove()


@pytest.fixture
def tracker(provision: Provision) -> Tracker:
    """One provisioned tracker."""
    return provision()
