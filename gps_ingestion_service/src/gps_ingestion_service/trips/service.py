"""Setting the open trip of a vehicle, and telling how far it has come."""

from datetime import UTC, datetime

from gps_ingestion_service.database import Database, Executor
from gps_ingestion_service.errors import ServiceError
from gps_ingestion_service.facts.repository import save_facts
from gps_ingestion_service.geofences import repository as geofences
from gps_ingestion_service.geofences.index import Fence
from gps_ingestion_service.geofences.shapes import Circle
from gps_ingestion_service.trips import fact, intervals, repository
from gps_ingestion_service.trips.progress import (
    Pace,
    Progress,
    Trip,
    learn,
    lesson,
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
            await repository.hold_evaluation(connection, vehicle_identifier)
            # No other trip or geofence changes meanwhile.
            await geofences.count_change(connection)
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
            await self._end(connection, vehicle_identifier, before)
            await intervals.close(connection, vehicle_identifier)
        pace = self._prior
        if trip is not None:
            pace = learn(await repository.lessons(connection, trip.lane), pace)
        if before != trip:
            for old in () if before is None else _fences(vehicle_identifier, before):
                await geofences.close(connection, old.geofence_id, vehicle_identifier)
            for new in () if trip is None else _fences(vehicle_identifier, trip):
                await geofences.insert(connection, new, version)
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
            await intervals.set_open(connection, vehicle_identifier, trip)
            await repository.look_again(connection, vehicle_identifier, trip.started_at)

    async def _end(
        self, connection: Executor, vehicle_identifier: str, trip: Trip
    ) -> None:
        """The trip is over: its fact ends, and what it taught is remembered."""
        told = await repository.facts(connection, [vehicle_identifier])
        now = datetime.now(UTC)
        await save_facts(connection, [(device, fact.end(i, now)) for device, i in told])
        way = await repository.way(connection, vehicle_identifier, trip.started_at)
        found = lesson(trip, way)
        if found is not None:
            await repository.add_lesson(connection, trip.lane, found)

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
        return found[0], progress(trip, seen, found[0].pace)


def _fences(vehicle_identifier: str, trip: Trip) -> list[Fence]:
    """Both ends of a trip, for its vehicle. No geofence of the API has a slash."""
    return [
        Fence(
            geofence_id=f"trip/{trip.reference}/{name}",
            shape=Circle(place.latitude, place.longitude, trip.arrival_radius_m),
            valid_from=trip.started_at,
            vehicle_identifier=vehicle_identifier,
        )
        for name, place in (("source", trip.source), ("destination", trip.destination))
    ]
