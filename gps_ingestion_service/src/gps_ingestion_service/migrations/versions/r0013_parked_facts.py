"""Devices whose facts cannot be evaluated: set aside, and tried again."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE fact_parked (
        device integer PRIMARY KEY,
        from_time timestamptz NOT NULL,
        to_time timestamptz NOT NULL,
        reason text NOT NULL,
        failures integer NOT NULL DEFAULT 1,
        parked_at timestamptz NOT NULL DEFAULT now(),
        retry_at timestamptz NOT NULL
    )
    """,
)


def upgrade() -> None:
    """Add them."""
    for statement in STATEMENTS:
        op.execute(statement)
