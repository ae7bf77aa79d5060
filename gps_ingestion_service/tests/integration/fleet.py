"""What the suite sends with: provisioned trackers and rows."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import httpx


class Tracker:
    """A provisioned device with its token."""

    def __init__(self, client: httpx.Client, device_id: str, vehicle: str) -> None:
        self.device_id = device_id
        self.vehicle_identifier = vehicle
        self._admin = client
        self._version = 0
        self._removed = False
        self.put(enabled=True)
        response = client.post(f"/v1/devices/{device_id}/token")
        assert response.status_code == 200, response.text
        self.token: str = response.json()["token"]

    @property
    def headers(self) -> dict[str, str]:
        """The header that carries its token."""
        return {"Authorization": f"Bearer {self.token}"}

    def put(self, *, enabled: bool) -> httpx.Response:
        """Publish the device with its next version."""
        self._version += 1
        response = self._admin.put(
            f"/v1/devices/{self.device_id}",
            json={
                "vehicle_identifier": self.vehicle_identifier,
                "version": self._version,
                "enabled": enabled,
            },
        )
        assert response.status_code in (200, 201), response.text
        return response

    def remove(self) -> None:
        """Delete the device with all that was stored of it, unless that was done."""
        if self._removed:
            return
        self.put(enabled=False)
        response = self._admin.delete(f"/v1/devices/{self.device_id}")
        assert response.status_code == 204, response.text
        self._removed = True


def paged(
    client: httpx.Client, path: str, cursor: object
) -> Iterator[dict[str, object]]:
    """Every item of a list that comes in pages, from its first ``cursor`` on."""
    while cursor is not None:
        page = client.get(path, params={"cursor": cursor, "limit": 1000}).json()
        cursor = page.pop("next")
        (items,) = page.values()
        yield from items


def row(seconds_ago: float = 0, **values: object) -> dict[str, object]:
    """A good native row of that age."""
    time = datetime.now(timezone.utc) - timedelta(seconds=seconds_ago)
    return {
        "latitude": 18.5204,
        "longitude": 73.8567,
        "timestamp": time.isoformat(),
        **values,
    }


Provision = Callable[[], Tracker]
