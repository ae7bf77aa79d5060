"""Devices that are stored on trips only, and when trips were open."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE device ADD COLUMN only_on_trip boolean NOT NULL DEFAULT false",
    # Kept after the trip has ended: fixes of it may come late.
    """
    CREATE TABLE trip_interval (
        vehicle_identifier text NOT NULL,
        reference text NOT NULL,
        started_at timestamptz NOT NULL,
        ended_at timestamptz
    )
    """,
    """
    CREATE UNIQUE INDEX trip_interval_open ON trip_interval (vehicle_identifier)
    WHERE ended_at IS NULL
    """,
    """
    CREATE INDEX trip_interval_vehicle ON trip_interval (vehicle_identifier, ended_at)
    """,
    """
    INSERT INTO trip_interval (vehicle_identifier, reference, started_at)
    SELECT vehicle_identifier, trip::jsonb ->> 'reference',
           (trip::jsonb ->> 'started_at')::timestamptz
    FROM trip WHERE trip IS NOT NULL
    """,
)


def upgrade() -> None:
    """Add them; trips that are open now are so since they started."""
    for statement in STATEMENTS:
        op.execute(statement)
