"""From the cost of one fix to pods, databases, disk and a rough price."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

SECONDS_A_DAY = 86_400
HOURS_A_MONTH = 730


@dataclass(frozen=True)
class FixCost:
    """CPU time of one fix on one core, as `make bench` measures it, microseconds."""

    service_us: float
    database_us: float


@dataclass(frozen=True)
class Measured:
    """One run of `make bench`.

    :param alone: a fix that comes in a request of its own.
    :param batched: one of 500 in a request.
    :param fix_bytes: on disk, with index.
    :param log_bytes: of write-ahead log.
    """

    alone: FixCost
    batched: FixCost
    fix_bytes: float
    log_bytes: float


@dataclass(frozen=True)
class Policy:
    """How much room is left, and what a part may grow to.

    :param peak: the busiest minutes, as a multiple of the mean.
    :param busy: share of a core that may be in use at the peak.
    :param pods_at_least: so that one may go.
    :param database_cores, database_log_mb_s, database_tb: a database that is still
        easy to copy, to restore within four hours, and to replace.
    """

    peak: float = 2.0
    busy: float = 0.5
    pods_at_least: int = 2
    database_cores: float = 32.0
    database_log_mb_s: float = 50.0
    database_tb: float = 8.0


@dataclass(frozen=True)
class Prices:
    """US dollars, on demand, rounded: for the order of magnitude alone.

    :param core_h: a core of a node.
    :param database_core_h: a core of RDS with its standby.
    :param disk_gb_month: disk of RDS with its standby.
    """

    core_h: float = 0.05
    database_core_h: float = 0.25
    disk_gb_month: float = 0.25


@dataclass(frozen=True)
class Fleet:
    """Who sends, and how.

    :param interval_s: seconds between two fixes of a vehicle.
    :param batched: fixes come in large batches, by a gateway or a broker.
    :param hot_days: days of history in PostgreSQL.
    """

    vehicles: int
    batched: bool
    hot_days: int
    interval_s: float = 10.0

    @property
    def fixes_per_s(self) -> float:
        """The mean."""
        return self.vehicles / self.interval_s


@dataclass(frozen=True)
class Need:
    """What a fleet needs at its peak.

    :param pods: of one core each: the service is one process with one event loop.
    :param database_cores: of all databases together.
    :param odoo_rows_per_s: positions that would be written in Odoo.
    """

    fixes_per_s: float
    pods: int
    databases: int
    database_cores: int
    log_mb_s: float
    disk_tb: float
    odoo_rows_per_s: float
    usd_month: float


def need(
    fleet: Fleet,
    measured: Measured,
    policy: Policy = Policy(),
    prices: Prices = Prices(),
) -> Need:
    """What a fleet needs.

    :raises ValueError: a fleet without vehicles, or that never sends.
    """
    if fleet.vehicles < 1 or fleet.interval_s <= 0 or fleet.hot_days < 1:
        raise ValueError("a fleet has vehicles, an interval and a history")
    cost = measured.batched if fleet.batched else measured.alone
    at_peak = fleet.fixes_per_s * policy.peak
    pods = max(
        policy.pods_at_least, ceil(at_peak * cost.service_us / 1e6 / policy.busy)
    )
    cores = max(2, ceil(at_peak * cost.database_us / 1e6 / policy.busy))
    log_mb_s = at_peak * measured.log_bytes / 1e6
    a_day_tb = fleet.fixes_per_s * SECONDS_A_DAY * measured.fix_bytes / 1e12
    disk_tb = a_day_tb * fleet.hot_days
    databases = ceil(
        max(
            cores / policy.database_cores,
            log_mb_s / policy.database_log_mb_s,
            disk_tb / policy.database_tb,
        )
    )
    cores = max(cores, 2 * databases)
    hourly = pods * prices.core_h + cores * prices.database_core_h
    return Need(
        fixes_per_s=fleet.fixes_per_s,
        pods=pods,
        databases=databases,
        database_cores=cores,
        log_mb_s=log_mb_s,
        disk_tb=disk_tb,
        odoo_rows_per_s=fleet.fixes_per_s,
        usd_month=hourly * HOURS_A_MONTH + disk_tb * 1000 * prices.disk_gb_month,
    )
