"""Whether the service can do its work now."""

import asyncio
from datetime import UTC, datetime

from gps_ingestion_service import schema
from gps_ingestion_service.database import Database, Executor
from gps_ingestion_service.devices.registry import DeviceRegistry
from gps_ingestion_service.errors import NotReady, StorageUnavailable
from gps_ingestion_service.events import repository as events
from gps_ingestion_service.facts import parked
from gps_ingestion_service.facts import repository as facts
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.partitions import days_ahead, partitioned_days
from gps_ingestion_service.quarantine import repository as quarantine

_PROBE_TIMEOUT_S = 2.0

_OUTBOX = """
SELECT count(*) FILTER (WHERE not_before IS NULL) AS due,
       count(*) FILTER (WHERE not_before IS NOT NULL) AS deferred,
       coalesce(
           extract(epoch FROM now() - min(waiting_since)
               FILTER (WHERE not_before IS NULL)),
           0
       )::double precision AS oldest_s
FROM outbox
"""


class Health:
    """Checks for ``/readyz``, and what ``/metrics`` reads from the database."""

    def __init__(
        self, database: Database, registry: DeviceRegistry, metrics: Metrics
    ) -> None:
        self._database = database
        self._registry = registry
        self._metrics = metrics
        self._head = schema.head_revision()
        self._known = schema.known_revisions()

    async def check(self) -> None:
        """Raise :class:`NotReady`, naming what is missing, unless all is well."""
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                async with self._database.query() as connection:
                    revision = await schema.current_revision(connection)
        except (StorageUnavailable, TimeoutError):
            self._metrics.database_up.set(0)
            raise NotReady("the database cannot be reached") from None
        self._metrics.database_up.set(1)
        self._check_revision(revision)
        self._registry.require_loaded()

    def _check_revision(self, revision: str | None) -> None:
        # A revision this program does not know comes from a newer release, whose
        # migrations only add: the old replicas go on serving while the new ones start.
        if revision != self._head and (revision is None or revision in self._known):
            raise NotReady(
                f"the schema is at revision {revision}, {self._head} is needed; "
                "run: python -m gps_ingestion_service migrate"
            )

    async def refresh_metrics(self) -> None:
        """Read what waits and what is refused; a database that is down is a metric
        too."""
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                async with self._database.query() as connection:
                    await self._read_outbox(connection)
                    await self._read_quarantine(connection)
                    await self._read_facts(connection)
                    await self._read_partitions(connection)
        except (StorageUnavailable, TimeoutError):
            self._metrics.database_up.set(0)
        else:
            self._metrics.database_up.set(1)

    async def _read_outbox(self, connection: Executor) -> None:
        record = await connection.fetchrow(_OUTBOX)
        if record is not None:
            self._metrics.outbox.labels("due").set(record["due"])
            self._metrics.outbox.labels("deferred").set(record["deferred"])
            self._metrics.outbox_age.set(record["oldest_s"])

    async def _read_quarantine(self, connection: Executor) -> None:
        count, size = await quarantine.usage(connection)
        self._metrics.quarantine_messages.set(count)
        self._metrics.quarantine_bytes.set(size)

    async def _read_facts(self, connection: Executor) -> None:
        notes, age_s = await facts.waiting(connection)
        self._metrics.facts_due.set(notes)
        self._metrics.facts_due_age.set(age_s)
        devices, trips = await parked.count(connection)
        self._metrics.facts_parked.labels("device").set(devices)
        self._metrics.facts_parked.labels("trip").set(trips)
        backlog = await events.backlog(connection)
        self._metrics.events.labels("due").set(backlog.due)
        self._metrics.events.labels("deferred").set(backlog.deferred)
        self._metrics.events.labels("dead").set(backlog.dead)
        self._metrics.events_age.set(backlog.oldest_s)

    async def _read_partitions(self, connection: Executor) -> None:
        days = await partitioned_days(connection)
        today = datetime.now(UTC).date()
        self._metrics.partitions_ahead.set(days_ahead(days, today))
