"""How long a fix takes from the GPS service into a real Odoo, with a whole fleet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from devtools.bench.load import HTTP, drive, http_message
from devtools.bench.teltonika import imei
from devtools.errors import DevtoolsError
from devtools.instance import Instance
from devtools.layout import Layout
from devtools.odoo_server import DATABASE
from devtools.postgres import Cluster, find_binaries
from devtools.waiting import wait_until

EVERY_S = 10.0
# So many share a connection that none is idle for long enough to be ended.
_VEHICLES_EACH = 20
_CREATED_AT_ONCE = 100
_ARRIVAL_S = 60.0
# Deferred: it notes the moment of the commit, not that of the statement.
_NOTE_ARRIVALS = """
CREATE TABLE bench_arrival (
    vehicle integer NOT NULL, received_at timestamptz NOT NULL,
    stored_at timestamptz NOT NULL
);
CREATE FUNCTION bench_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO bench_arrival
    VALUES (NEW.vehicle_id, NEW.received_at AT TIME ZONE 'UTC', clock_timestamp());
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER bench_arrival AFTER INSERT OR UPDATE ON tms_vehicle_position
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION bench_note();
"""
_LAG = """
SELECT count(*), count(DISTINCT vehicle),
       percentile_disc(0.5) WITHIN GROUP (ORDER BY lag_s),
       percentile_disc(0.99) WITHIN GROUP (ORDER BY lag_s), max(lag_s)
FROM (
    SELECT vehicle, extract(epoch FROM stored_at - received_at) AS lag_s
    FROM bench_arrival
) AS arrival
"""


@dataclass(frozen=True)
class OdooLag:
    """From receipt in the GPS service until Odoo's commit, seconds.

    Odoo keeps whole seconds of the receipt, so each is up to a second too long.

    :param vehicles: that each sent a fix every ``EVERY_S`` seconds.
    :param positions: that Odoo stored.
    """

    vehicles: int
    positions: int
    median_s: float
    p99_s: float
    longest_s: float


def measure_lag(layout: Layout, vehicles: int, seconds: float) -> OdooLag:
    """Run a whole system and send fixes of a fleet that Odoo has provisioned.

    :raises DevtoolsError: it does not start, or a vehicle did not arrive in Odoo.
    """
    with Instance.temporary("bench", layout=layout) as instance:
        instance.start()
        _provision(instance, vehicles)
        cluster = Cluster(
            find_binaries(layout.venv("gps")),
            instance.folder / "pgdata",
            instance.ports.postgres,
            instance.log("postgres"),
            instance.secrets.postgres_password,
        )
        cluster.query(_NOTE_ARRIVALS, DATABASE)
        messages = list(_messages(instance, vehicles, round(seconds / EVERY_S)))
        connections = max(1, vehicles // _VEHICLES_EACH)
        shares = [messages[number::connections] for number in range(connections)]
        drive(instance.ports.gps, shares, HTTP, every_s=EVERY_S / vehicles)

        def arrived() -> OdooLag | None:
            row = cluster.query(_LAG, DATABASE)[0].split("|")
            if int(row[1]) < vehicles or _waits(cluster):
                return None
            return OdooLag(vehicles, int(row[0]), *(float(text) for text in row[2:]))

        return wait_until(
            arrived,
            what=f"{vehicles} vehicles in Odoo",
            timeout_s=_ARRIVAL_S,
            interval_s=1.0,
        )


def _waits(cluster: Cluster) -> bool:
    return cluster.query("SELECT count(*) FROM outbox", "gps") != ["0"]


def _provision(instance: Instance, vehicles: int) -> None:
    """Vehicles and trackers as a dispatcher makes them; Odoo tells the service."""
    admin = instance.odoo_client("admin")
    model = admin.call("fleet.vehicle.model", "search", [], limit=1)
    if not model:
        raise DevtoolsError("Odoo has no vehicle model", "try `make reset`")
    known = len(instance.gps_client().devices())
    for start in range(0, vehicles, _CREATED_AT_ONCE):
        numbers = range(start, min(start + _CREATED_AT_ONCE, vehicles))
        created = admin.call(
            "fleet.vehicle",
            "create",
            [{"model_id": model[0], "license_plate": _plate(n)} for n in numbers],
        )
        admin.call(
            "tms.tracker",
            "create",
            [
                {"name": imei(number), "vehicle_id": vehicle}
                for number, vehicle in zip(numbers, created, strict=True)
            ],
        )
    # Each that is created asks Odoo's cron for it.
    wait_until(
        lambda: len(instance.gps_client().devices()) >= known + vehicles,
        what=f"Odoo to publish {vehicles} trackers",
        timeout_s=120,
        interval_s=1.0,
    )


def _plate(number: int) -> str:
    return f"BE99BE{number:04d}"


def _messages(instance: Instance, vehicles: int, times: int) -> Iterator[bytes]:
    """A fix of each vehicle after the other, again and again, each at its time."""
    token, now = instance.secrets.gps_ingest_token, datetime.now(UTC)
    for number in range(vehicles * times):
        moment = now + timedelta(seconds=number * EVERY_S / vehicles)
        row = {
            "device_id": imei(number % vehicles),
            "latitude": 18.52 + number / 1e6,
            "longitude": 73.85,
            "speed": 15.0,
            "timestamp": moment.isoformat(),
        }
        yield http_message("/v1/positions", json.dumps([row]).encode(), token)
