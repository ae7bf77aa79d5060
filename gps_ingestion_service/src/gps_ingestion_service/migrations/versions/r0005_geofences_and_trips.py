"""Geofences, each version in its time; open trips and what past ones taught."""

from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = (
    # How many fixes a note stands for, which bounds what one pass takes on.
    "ALTER TABLE fact_due ADD COLUMN fixes integer NOT NULL DEFAULT 1",
    """
    CREATE TABLE geofence (
        geofence_id text NOT NULL,
        version bigint NOT NULL,
        enabled boolean NOT NULL,
        name text NOT NULL,
        shape text NOT NULL,
        hysteresis_m double precision NOT NULL,
        dwell_s double precision,
        vehicle_identifier text,
        valid_from timestamptz NOT NULL,
        valid_until timestamptz
    )
    """,
    """
    CREATE UNIQUE INDEX geofence_current
    ON geofence (geofence_id, coalesce(vehicle_identifier, ''))
    WHERE valid_until IS NULL
    """,
    # One row: what a replica has loaded is current while the count is the same.
    "CREATE TABLE geofence_changes (count bigint NOT NULL)",
    "INSERT INTO geofence_changes VALUES (0)",
    """
    CREATE TABLE trip (
        vehicle_identifier text PRIMARY KEY,
        version bigint NOT NULL,
        trip text,
        detour_factor double precision NOT NULL,
        speed double precision NOT NULL
    )
    """,
    """
    CREATE TABLE trip_lesson (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        lane text NOT NULL,
        direct_m double precision NOT NULL,
        driven_m double precision NOT NULL,
        duration_s double precision NOT NULL,
        learned_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX trip_lesson_lane ON trip_lesson (lane, id)",
    """
    CREATE INDEX fact_open_trip ON fact (vehicle_identifier)
    WHERE kind = 'trip' AND ended_at IS NULL
    """,
)


def upgrade() -> None:
    """Add them."""
    for statement in STATEMENTS:
        op.execute(statement)
