"""What a past trip was, so that fixes that come after its end still tell of it."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATEMENTS = (
    # The geofences at both ends of a trip follow from it; they are stored no more.
    """
    ALTER TABLE trip_interval
    ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ADD COLUMN fact uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN trip text,
    ADD COLUMN detour_factor double precision NOT NULL DEFAULT 1.3,
    ADD COLUMN speed double precision NOT NULL DEFAULT 11.1
    """,
    """
    CREATE INDEX trip_interval_until ON trip_interval (
        vehicle_identifier, coalesce(ended_at, timestamptz 'infinity')
    )
    """,
    """
    UPDATE trip_interval AS known
    SET trip = trip.trip, detour_factor = trip.detour_factor, speed = trip.speed
    FROM trip
    WHERE known.vehicle_identifier = trip.vehicle_identifier AND ended_at IS NULL
    """,
    """
    UPDATE trip_interval AS known
    SET trip = jsonb_build_object(
        'reference', reference,
        'started_at', to_char(
            started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
        ),
        'source', source.shape::jsonb - 'type' - 'radius_m',
        'destination', destination.shape::jsonb - 'type' - 'radius_m',
        'arrival_radius_m', destination.shape::jsonb -> 'radius_m'
    )
    FROM geofence AS source JOIN geofence AS destination
        USING (vehicle_identifier, valid_from, version)
    WHERE known.trip IS NULL
      AND known.vehicle_identifier = source.vehicle_identifier
      AND known.started_at = source.valid_from
      AND source.geofence_id = 'trip/' || reference || '/source'
      AND destination.geofence_id = 'trip/' || reference || '/destination'
    """,
    """
    UPDATE trip_interval AS known SET fact = told.uuid
    FROM (
        SELECT DISTINCT ON (uuid) uuid, past.id
        FROM fact JOIN trip_interval AS past USING (vehicle_identifier, started_at)
        WHERE kind = 'trip' AND subject = reference
          AND (fact.ended_at IS NULL) = (past.ended_at IS NULL)
        ORDER BY uuid, fact.ended_at - past.ended_at
    ) AS told
    WHERE known.id = told.id
    """,
    # Ended trips to be looked at: they have just ended, or fixes of them came.
    """
    CREATE TABLE trip_due (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        trip bigint NOT NULL REFERENCES trip_interval (id) ON DELETE CASCADE,
        not_before timestamptz NOT NULL DEFAULT now(),
        failures integer NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX trip_due_trip ON trip_due (trip)",
    "ALTER TABLE trip_lesson ADD COLUMN trip bigint UNIQUE",
)


def upgrade() -> None:
    """Add it, and fill in what is known of trips so far."""
    for statement in STATEMENTS:
        op.execute(statement)
