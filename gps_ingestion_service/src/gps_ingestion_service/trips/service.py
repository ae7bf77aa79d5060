"""Setting the open trip of a vehicle, and telling how far it has come."""

from gps_ingestion_service.database import Database, Executor
from gps_ingestion_service.errors import ServiceError
from gps_ingestion_service.facts.repository import save_facts
from gps_ingestion_service.trips import fact, intervals, repository
from gps_ingestion_service.trips.progress import (
    Pace,
    Progress,
    Trip,
    learn,
    progress,
)
from gps_ingestion_service.trips.repository import Assignment
from gps_ingestion_service.versions import is_news


class Trips:
    """The open trips; ``prior`` is the pace of a fleet that taught nothing yet."""

    def __init__(self, database: Database, prior: Pace) -> None:
        self._database = database
        self._prior = prior

    async def put(
        self, vehicle_identifier: str, version: int, trip: Trip | None
    ) -> bool:
        """Make it the vehicle's open trip, or end the one that is open; whether the
        vehicle had never had one.

        Raises:
            ServiceError: 409 as for devices.
        """
        async with self._database.query() as connection, connection.transaction():
            await repository.hold(connection, vehicle_identifier)
            found = await repository.find(connection, [vehicle_identifier], lock=True)
            known = found[0] if found else None
            if known is None or is_news(
                known.version, version, same=known.trip == trip
            ):
                before = None if known is None else known.trip
                await self._replace(
                    connection, vehicle_identifier, version, before, trip
                )
        return known is None

    async def _replace(
        self,
        connection: Executor,
        vehicle_identifier: str,
        version: int,
        before: Trip | None,
        trip: Trip | None,
    ) -> None:
        if before is not None and (trip is None or trip.reference != before.reference):
            await self._end(connection, vehicle_identifier)
        pace = self._prior
        if trip is not None:
            pace = learn(await repository.lessons(connection, trip.lane), pace)
        await repository.put(
            connection,
            Assignment(
                vehicle_identifier=vehicle_identifier,
                version=version,
                trip=trip,
                pace=pace,
            ),
        )
        if trip is not None:
            await intervals.set_open(connection, vehicle_identifier, trip, pace)
            if trip != before:
                await repository.look_again(
                    connection, vehicle_identifier, trip.started_at
                )

    async def _end(self, connection: Executor, vehicle_identifier: str) -> None:
        """The trip is over, and so is its fact. What it taught is found later."""
        ended = await intervals.close(connection, vehicle_identifier)
        if ended is None or ended.ended_at is None:
            return
        told = await repository.facts(connection, [ended.fact])
        await save_facts(
            connection,
            [
                (device, fact.end(item, ended.ended_at))
                for device, item in told.values()
            ],
        )

    async def find(self, vehicle_identifier: str) -> tuple[Assignment, Progress | None]:
        """What the vehicle is to do, and how far it has come; None where it has no
        trip or was not seen yet.

        Raises:
            ServiceError: 404 for a vehicle that never had a trip.
        """
        async with self._database.query() as connection:
            found = await repository.find(connection, [vehicle_identifier])
            if not found:
                raise ServiceError(
                    404, "unknown_vehicle", f"{vehicle_identifier} never had a trip"
                )
            trip = found[0].trip
            if trip is None:
                return found[0], None
            seen = await repository.last_seen(
                connection, vehicle_identifier, trip.started_at
            )
        if seen is None:
            return found[0], None
        return found[0], progress(trip, seen[1], found[0].pace)
