"""Quarantine; the vehicle of each fix; the zone of a device's clock."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    # The vehicle at the time of receipt: a device that moves to another truck must not
    # take the history of the first one along. Null in fixes from before.
    "ALTER TABLE fix ADD COLUMN vehicle_identifier text",
    "ALTER TABLE last_position ADD COLUMN vehicle_identifier text",
    # Null: the device says it itself, or sends UTC.
    "ALTER TABLE device ADD COLUMN utc_offset_minutes smallint",
    """
    CREATE TABLE quarantine (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        allowance text NOT NULL,
        protocol text NOT NULL,
        transport text NOT NULL,
        device_id text,
        code text NOT NULL,
        reason text NOT NULL,
        envelope jsonb NOT NULL,
        payload bytea NOT NULL,
        digest bytea NOT NULL,
        size integer NOT NULL,
        times bigint NOT NULL DEFAULT 1,
        first_seen timestamptz NOT NULL,
        last_seen timestamptz NOT NULL,
        UNIQUE (allowance, digest)
    )
    """,
    "CREATE INDEX quarantine_last_seen ON quarantine (last_seen)",
    "CREATE INDEX quarantine_device_id ON quarantine (device_id, id)",
)


def upgrade() -> None:
    """Add them."""
    for statement in STATEMENTS:
        op.execute(statement)
