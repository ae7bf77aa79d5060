"""The time as a device sent it, of fixes whose time was corrected."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE fix ADD COLUMN sent_time timestamptz",
    "ALTER TABLE last_position ADD COLUMN sent_time timestamptz",
)


def upgrade() -> None:
    """Add it."""
    for statement in STATEMENTS:
        op.execute(statement)
