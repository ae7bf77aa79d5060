"""What the signing secret of a device is derived with; no secret itself."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS = ("ALTER TABLE device ADD COLUMN signing_salt bytea",)


def upgrade() -> None:
    """Add it."""
    for statement in STATEMENTS:
        op.execute(statement)
