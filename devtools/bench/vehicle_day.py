"""What it takes to read one day of one vehicle out of a large history."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import quantiles

from devtools.errors import DevtoolsError
from devtools.lone_service import DATABASE, TOKEN, LoneService
from devtools.postgres import Cluster
from devtools.web import request

DAYS = 10
FIXES_A_DAY = 1000
SAMPLES = 50

# A vehicle reports from six in the morning on, like the others, so that the rows of one
# lie far apart on disk, as they do where a fleet sends all day.
_FILL = """
CREATE TABLE fix_{day:%Y%m%d} PARTITION OF fix FOR VALUES FROM ('{day}') TO ('{next}');
INSERT INTO fix (device, fix_time, received_at, latitude, longitude, speed,
                 vehicle_identifier)
SELECT device, '{day} 06:00+00'::timestamptz + n * interval '40 seconds', now(),
       18.5, 73.8, 15, 'MH12AB1234'
FROM generate_series(1, {fixes}) n, generate_series(1, {devices}) device;
"""
_PLAN = """
EXPLAIN (ANALYZE, BUFFERS, COSTS OFF)
SELECT fix_time, received_at, latitude, longitude, speed, course, altitude, accuracy,
       attributes, vehicle_identifier
FROM fix
WHERE device = 7 AND fix_time > '{day}' AND fix_time < '{next}'
ORDER BY fix_time
LIMIT 5001
"""


@dataclass(frozen=True)
class VehicleDay:
    """Reading a day of a vehicle over HTTP.

    :param rows: fixes in the history that it is read from.
    :param fixes: fixes of that day.
    :param median_ms: until the last byte of the answer, milliseconds.
    :param slow_ms: the same, of the slowest in twenty.
    :param plan: PostgreSQL's plan of the query, with its times.
    """

    rows: int
    fixes: int
    median_ms: float
    slow_ms: float
    plan: list[str]


def measure_day(
    service: LoneService, devices: list[str], rows: int, today: date
) -> VehicleDay:
    """Fill ``DAYS`` days before yesterday and read days of ``devices`` from them.

    :param devices: names of provisioned devices, in the order of their creation.
    :param rows: fixes to fill in; rounded down to whole days of whole vehicles.
    :raises DevtoolsError: the service did not answer a day as it is stored.
    """
    fixes = min(FIXES_A_DAY, max(1, rows // DAYS // len(devices)))
    fleet = max(len(devices), rows // DAYS // fixes)
    days = [today - timedelta(days=2 + number) for number in range(DAYS)]
    for day in days:
        _fill(service.cluster, day, fixes, fleet)
    # As autovacuum does it for a day that is over.
    service.cluster.query("VACUUM (ANALYZE) fix", DATABASE)
    times_ms = []
    for number in range(SAMPLES):
        device = devices[number % len(devices)]
        times_ms.append(_read(service, device, days[number % DAYS], fixes))
    parts = quantiles(times_ms, n=20)
    query = _PLAN.format(day=days[0], next=_after(days[0]))
    plan = service.cluster.query(query, DATABASE)
    return VehicleDay(DAYS * fixes * fleet, fixes, parts[9], parts[18], plan)


def _fill(cluster: Cluster, day: date, fixes: int, devices: int) -> None:
    values = {"day": day, "next": _after(day), "fixes": fixes, "devices": devices}
    cluster.query(_FILL.format(**values), DATABASE)


def _after(day: date) -> date:
    return day + timedelta(days=1)


def _read(service: LoneService, device: str, day: date, fixes: int) -> float:
    """Read a day over HTTP; how long that took, in milliseconds."""
    bounds = f"from={day}T00:00:00Z&to={_after(day)}T00:00:00Z&limit=5000"
    start = time.perf_counter()
    answer = request(
        f"{service.url}/v1/devices/{device}/positions?{bounds}", token=TOKEN
    )
    elapsed_ms = (time.perf_counter() - start) * 1000
    if answer.status != 200 or len(answer.json()["positions"]) != fixes:
        raise DevtoolsError(f"a day was not answered as it is stored: {answer.status}")
    return elapsed_ms
