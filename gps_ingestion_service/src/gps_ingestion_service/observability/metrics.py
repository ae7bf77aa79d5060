"""Prometheus metrics that answer: is it losing fixes, or lagging?"""

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Sequence

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
)

_LATENCY_S = (
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5) + (1.0, 2.5, 5.0, 10.0)
)  # fmt: skip
_AGE_S = (0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400)
_ROWS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000)


class BulkHistogram(Histogram):
    """A histogram that takes the observations of a whole batch at once.

    The library looks for the bucket of each value by itself and takes a lock for it;
    for a batch of fixes that would cost as much as to read their JSON.
    """

    def observe_all(self, values: Sequence[float]) -> None:
        """Observe every value."""
        self._sum.inc(sum(values))
        bounds = self._upper_bounds
        for place, count in Tally(bisect_left(bounds, item) for item in values).items():
            self._buckets[place].inc(count)


class Metrics:
    """All metrics of one service, on a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
            registry.register(collector)
        self._requests(registry)
        self._storage(registry)
        self._quarantine(registry)
        self._trackers(registry)
        self._push(registry)
        self._facts(registry)
        self._live(registry)

    def _requests(self, registry: CollectorRegistry) -> None:
        self.fixes = Counter(
            "gps_fixes",
            "Rows by what became of them: accepted, duplicate, rejected, withheld",
            ["status"],
            registry=registry,
        )
        self.rejected = Counter(
            "gps_fixes_rejected", "Rejected rows by code", ["code"], registry=registry
        )
        # An alert waits for the first: a counter that begins with 1 has no increase.
        self.rejected.labels("not_storable")
        self.flagged = Counter(
            "gps_fixes_flagged",
            "Accepted fixes that look wrong",
            ["flag"],
            registry=registry,
        )
        self.refused_requests = Counter(
            "gps_requests_refused",
            "Requests refused as a whole, by code",
            ["code"],
            registry=registry,
        )
        # As above: there is no increase before a first sample.
        for code in ("too_many_connections", "too_many_bytes"):
            self.refused_requests.labels(code)
        self.http_connections = Gauge(
            "gps_http_connections", "Open HTTP connections", registry=registry
        )
        self.http_ends = Counter(
            "gps_http_connections_ended",
            "HTTP connections that reached a limit, by which",
            ["reason"],
            registry=registry,
        )
        self.held_bytes = Gauge(
            "gps_held_bytes",
            "Bytes of bodies and frames that are not answered yet",
            registry=registry,
        )
        self.http = Histogram(
            "gps_http_request_seconds",
            "Time to answer a request",
            ["method", "route", "status"],
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.fix_age = BulkHistogram(
            "gps_fix_age_seconds",
            "Age of a fix when it was accepted: received minus fix time",
            buckets=_AGE_S,
            registry=registry,
        )
        self.last_accepted = Gauge(
            "gps_last_accepted_timestamp_seconds",
            "Unix time at which a fix was last accepted",
            registry=registry,
        )

    def _storage(self, registry: CollectorRegistry) -> None:
        self.commit = Histogram(
            "gps_commit_seconds",
            "Time of one group commit",
            ["outcome"],
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.commit_rows = Histogram(
            "gps_commit_rows", "Rows of one commit", buckets=_ROWS, registry=registry
        )
        self.queue_rows = Gauge(
            "gps_queue_rows", "Rows that wait for a commit", registry=registry
        )
        self.devices = Gauge(
            "gps_devices", "Devices in the loaded registry", registry=registry
        )
        self.database_up = Gauge(
            "gps_database_up", "1 when the database answered", registry=registry
        )
        self.partitions_ahead = Gauge(
            "gps_partitions_ahead_days",
            "Days after today that have a partition",
            registry=registry,
        )
        self.retention = Counter(
            "gps_retention_days",
            "Days past their retention: dropped, changed while exported, failed",
            ["outcome"],
            registry=registry,
        )
        self.retention_overdue = Gauge(
            "gps_retention_overdue_days",
            "Days past their retention that were still there when it was looked",
            registry=registry,
        )

    def _quarantine(self, registry: CollectorRegistry) -> None:
        self.quarantined = Counter(
            "gps_quarantined",
            "Messages and rows that went to quarantine, by format and reason",
            ["protocol", "code"],
            registry=registry,
        )
        self.quarantine_dropped = Counter(
            "gps_quarantine_dropped",
            "Refused messages that were not kept, by why",
            ["reason"],
            registry=registry,
        )
        self.quarantine_messages = Gauge(
            "gps_quarantine_messages", "Messages in quarantine", registry=registry
        )
        self.quarantine_bytes = Gauge(
            "gps_quarantine_bytes", "Bytes that they take", registry=registry
        )

    def _trackers(self, registry: CollectorRegistry) -> None:
        self.tracker_connections = Gauge(
            "gps_tracker_connections",
            "Open TCP connections of trackers",
            ["protocol"],
            registry=registry,
        )
        self.tracker_ends = Counter(
            "gps_tracker_connections_ended",
            "Connections that ended or were not taken, by why",
            ["protocol", "reason"],
            registry=registry,
        )
        self.tracker_frames = Counter(
            "gps_tracker_frames",
            "Frames by what became of them: stored, notice, refused, unavailable, "
            "too_fast, dropped",
            ["protocol", "transport", "outcome"],
            registry=registry,
        )

    def _push(self, registry: CollectorRegistry) -> None:
        self.pushed = Counter(
            "gps_push_positions",
            "Positions by Odoo's answer, or by why there was none",
            ["result"],
            registry=registry,
        )
        self.push_calls = Histogram(
            "gps_push_seconds",
            "Time of one call to Odoo",
            ["outcome"],
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.push_lag = Histogram(
            "gps_push_lag_seconds",
            "Time from receipt of a fix until Odoo stored it",
            buckets=_AGE_S,
            registry=registry,
        )
        self.outbox = Gauge(
            "gps_outbox_positions",
            "Positions that wait for Odoo: due, or deferred after a refusal",
            ["state"],
            registry=registry,
        )
        self.outbox_age = Gauge(
            "gps_outbox_oldest_seconds",
            "How long the longest-waiting due position has waited",
            registry=registry,
        )
        self.push_leader = Gauge(
            "gps_push_leader", "1 in the replica that pushes", registry=registry
        )

    def _facts(self, registry: CollectorRegistry) -> None:
        self.facts = Counter(
            "gps_facts",
            "Facts by kind, and whether they are new, changed or retracted",
            ["kind", "outcome"],
            registry=registry,
        )
        self.facts_late = Counter(
            "gps_facts_late",
            "Evaluations that late fixes sent back in time",
            registry=registry,
        )
        self.facts_failed = Counter(
            "gps_facts_failed",
            "Evaluations of a device, or of an ended trip, that failed",
            registry=registry,
        )
        self.facts_parked = Gauge(
            "gps_facts_parked",
            "Devices, and ended trips, that are set aside because evaluation fails",
            ["what"],
            registry=registry,
        )
        self.facts_due = Gauge(
            "gps_facts_due",
            "Notes of fixes that facts have yet to see",
            registry=registry,
        )
        self.facts_due_age = Gauge(
            "gps_facts_due_oldest_seconds",
            "Age of the oldest such note",
            registry=registry,
        )
        self.events = Gauge(
            "gps_events",
            "Facts that Odoo lacks: due, deferred after a refusal, or dead",
            ["state"],
            registry=registry,
        )
        self.events_age = Gauge(
            "gps_events_oldest_seconds",
            "How long the longest-waiting due event has waited",
            registry=registry,
        )
        self.event_push_leader = Gauge(
            "gps_event_push_leader",
            "1 in the replica that pushes events",
            registry=registry,
        )
        self.pushed_events = Counter(
            "gps_push_events",
            "Events by Odoo's answer, or by why there was none",
            ["result"],
            registry=registry,
        )

    def _live(self, registry: CollectorRegistry) -> None:
        self.live_clients = Gauge(
            "gps_live_clients", "Open connections of the live feed", registry=registry
        )
        self.live_dropped = Counter(
            "gps_live_clients_dropped",
            "Connections of the live feed that did not keep up",
            registry=registry,
        )
