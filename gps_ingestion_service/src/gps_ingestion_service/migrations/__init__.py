"""Schema migrations: plain SQL, forward only, run by alembic under a lock."""
