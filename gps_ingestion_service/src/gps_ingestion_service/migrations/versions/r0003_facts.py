"""Live facts, the queue of what they have yet to see, and their delivery."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    # Written in the transaction of the fixes and read by nobody who could hold a lock
    # that a commit would wait for: rows are only added and taken.
    """
    CREATE TABLE fact_due (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        device integer NOT NULL,
        from_time timestamptz NOT NULL,
        to_time timestamptz NOT NULL,
        since timestamptz NOT NULL DEFAULT now()
    )
    """,
    # What is known of a device after all fixes up to seen_until.
    """
    CREATE TABLE fact_state (
        device integer PRIMARY KEY REFERENCES device (id),
        seen_until timestamptz,
        state text NOT NULL DEFAULT '{}',
        silent boolean NOT NULL DEFAULT false,
        evaluated_at timestamptz NOT NULL DEFAULT now()
    ) WITH (fillfactor = 50)
    """,
    # The same before the first fix of an hour, to start again from for a late fix.
    """
    CREATE TABLE fact_checkpoint (
        device integer NOT NULL,
        hour timestamptz NOT NULL,
        state text NOT NULL,
        PRIMARY KEY (device, hour)
    )
    """,
    """
    CREATE TABLE fact (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        uuid uuid NOT NULL UNIQUE,
        revision integer NOT NULL,
        device integer NOT NULL,
        vehicle_identifier text NOT NULL,
        kind text NOT NULL,
        subject text NOT NULL,
        started_at timestamptz NOT NULL,
        ended_at timestamptz,
        settled_at timestamptz,
        latitude double precision NOT NULL,
        longitude double precision NOT NULL,
        data text NOT NULL,
        retracted boolean NOT NULL,
        changed_at timestamptz NOT NULL DEFAULT now(),
        delivered_revision integer NOT NULL DEFAULT 0,
        refusals integer NOT NULL DEFAULT 0,
        not_before timestamptz,
        dead_reason text
    )
    """,
    """
    CREATE INDEX fact_device
    ON fact (device, coalesce(settled_at, timestamptz 'infinity'))
    WHERE NOT retracted
    """,
    "CREATE INDEX fact_vehicle ON fact (vehicle_identifier, id)",
    """
    CREATE INDEX fact_waiting ON fact (changed_at)
    WHERE delivered_revision < revision AND dead_reason IS NULL
    """,
    "CREATE INDEX fact_dead ON fact (id) WHERE dead_reason IS NOT NULL",
)


def upgrade() -> None:
    """Add them."""
    for statement in STATEMENTS:
        op.execute(statement)
