"""Which messages in quarantine their senders were told to forget."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

STATEMENTS = (
    # A constant default rewrites no row. What is there already may have been trimmed
    # beside it, so nothing is promised of it.
    "ALTER TABLE quarantine ADD COLUMN acknowledged boolean NOT NULL DEFAULT false",
    # How much room they take is asked whenever one comes in.
    """
    CREATE INDEX quarantine_acknowledged ON quarantine (allowance) INCLUDE (size)
    WHERE acknowledged
    """,
)


def upgrade() -> None:
    """Add it."""
    for statement in STATEMENTS:
        op.execute(statement)
