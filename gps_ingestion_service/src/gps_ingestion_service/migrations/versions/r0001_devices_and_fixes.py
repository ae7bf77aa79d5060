"""Devices, fixes partitioned by day, last positions and the outbox to Odoo."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE device (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        device_id text NOT NULL UNIQUE,
        vehicle_identifier text NOT NULL,
        enabled boolean NOT NULL,
        version bigint NOT NULL,
        token_hash bytea UNIQUE,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX device_vehicle_identifier ON device (vehicle_identifier)",
    # No foreign key: the check would cost every row.
    """
    CREATE TABLE fix (
        device integer NOT NULL,
        fix_time timestamptz NOT NULL,
        received_at timestamptz NOT NULL,
        latitude double precision NOT NULL,
        longitude double precision NOT NULL,
        speed double precision,
        course double precision,
        altitude double precision,
        accuracy double precision,
        attributes jsonb,
        PRIMARY KEY (device, fix_time)
    ) PARTITION BY RANGE (fix_time)
    """,
    "CREATE TABLE fix_default PARTITION OF fix DEFAULT",
    # Rewritten with every fix: room in each page keeps the updates off the index.
    """
    CREATE TABLE last_position (
        device integer PRIMARY KEY REFERENCES device (id),
        fix_time timestamptz NOT NULL,
        received_at timestamptz NOT NULL,
        latitude double precision NOT NULL,
        longitude double precision NOT NULL,
        speed double precision,
        course double precision,
        altitude double precision,
        accuracy double precision,
        attributes jsonb
    ) WITH (fillfactor = 50)
    """,
    "CREATE SEQUENCE outbox_version",
    """
    CREATE TABLE outbox (
        vehicle_identifier text PRIMARY KEY,
        version bigint NOT NULL DEFAULT nextval('outbox_version'),
        device_id text NOT NULL,
        fix_time timestamptz NOT NULL,
        received_at timestamptz NOT NULL,
        latitude double precision NOT NULL,
        longitude double precision NOT NULL,
        speed double precision,
        course double precision,
        altitude double precision,
        accuracy double precision,
        waiting_since timestamptz NOT NULL DEFAULT now(),
        refusals integer NOT NULL DEFAULT 0,
        not_before timestamptz
    ) WITH (fillfactor = 50)
    """,
)


def upgrade() -> None:
    """Create the first schema."""
    for statement in STATEMENTS:
        op.execute(statement)
