"""What makes a stored fix doubtful."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS = (
    # The bits of fix.Flag. A constant default rewrites no row.
    "ALTER TABLE fix ADD COLUMN flags smallint NOT NULL DEFAULT 0",
    "ALTER TABLE last_position ADD COLUMN flags smallint NOT NULL DEFAULT 0",
)


def upgrade() -> None:
    """Add it."""
    for statement in STATEMENTS:
        op.execute(statement)
