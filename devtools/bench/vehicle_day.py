"""What it takes to read one day of one vehicle out of a large history."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import takewhile
from statistics import quantiles

from devtools.bench.stage import DEVICES, Stage, device_name
from devtools.errors import DevtoolsError
from devtools.lone_service import DATABASE, TOKEN, LoneService
from devtools.postgres import Cluster
from devtools.waiting import wait_until
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
# PostgreSQL itself explains the query that the service sends, with its parameters.
_EXPLAIN = f"""
ALTER DATABASE {DATABASE} SET session_preload_libraries = 'auto_explain';
ALTER DATABASE {DATABASE} SET auto_explain.log_min_duration = 0;
ALTER DATABASE {DATABASE} SET auto_explain.log_analyze = on;
ALTER DATABASE {DATABASE} SET auto_explain.log_buffers = on;
"""
# After five plans of its own, a prepared statement may get one for all parameters.
_UNTIL_SETTLED = 8


@dataclass(frozen=True)
class VehicleDay:
    """Reading a day of a vehicle over HTTP.

    :param rows: fixes in the history that it is read from.
    :param fixes: fixes of that day.
    :param median_ms: until the last byte of the answer, milliseconds.
    :param slow_ms: the same, of the slowest in twenty.
    :param plan: PostgreSQL's plan of the very query of one of these answers.
    """

    rows: int
    fixes: int
    median_ms: float
    slow_ms: float
    plan: list[str]


def measure_day(stage: Stage, rows: int, today: date) -> VehicleDay:
    """Fill ``DAYS`` days before yesterday and read days of the devices from them.

    :param rows: fixes to fill in; rounded down to whole days of whole vehicles.
    :raises DevtoolsError: the service did not answer a day as it is stored.
    """
    fixes = min(FIXES_A_DAY, max(1, rows // DAYS // DEVICES))
    fleet = max(DEVICES, rows // DAYS // fixes)
    days = [today - timedelta(days=2 + number) for number in range(DAYS)]
    for day in days:
        _fill(stage.cluster, day, fixes, fleet)
    # As autovacuum does it for a day that is over.
    stage.cluster.query("VACUUM (ANALYZE) fix", DATABASE)
    times_ms = []
    with stage.service(GPS_FACTS="0") as (service, _):
        for number in range(SAMPLES):
            device = device_name(number % DEVICES)
            times_ms.append(_read(service, device, days[number % DAYS], fixes))
    parts = quantiles(times_ms, n=20)
    plan = _served_plan(stage, days[0], fixes)
    return VehicleDay(DAYS * fixes * fleet, fixes, parts[9], parts[18], plan)


def _served_plan(stage: Stage, day: date, fixes: int) -> list[str]:
    """The plan of the last of some reads, by when PostgreSQL has settled on one."""
    stage.cluster.query(_EXPLAIN, DATABASE)
    with stage.service(GPS_FACTS="0") as (service, _):
        for number in range(_UNTIL_SETTLED):
            _read(service, device_name(number), day, fixes)

    def found() -> list[str] | None:
        plans = served_plans(stage.cluster.log.read_text(errors="replace"))
        return plans[-1] if len(plans) >= _UNTIL_SETTLED else None

    return wait_until(
        found, what="the plans in PostgreSQL's log", timeout_s=10, interval_s=0.1
    )


def served_plans(log: str) -> list[list[str]]:
    """Plans of the history's query in PostgreSQL's log, in order."""
    plans = []
    for entry in log.split("  plan:\n\tQuery Text:")[1:]:
        lines = list(
            takewhile(lambda line: line.startswith("\t"), entry.split("\n")[1:])
        )
        begin = next(
            (place for place, line in enumerate(lines) if line.startswith("\tLimit")), 0
        )
        if begin and any("ORDER BY fix_time" in line for line in lines[:begin]):
            plans.append([line[1:] for line in lines[begin:]])
    return plans


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
