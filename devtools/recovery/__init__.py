"""A disaster on purpose, and the way back: PostgreSQL's own tools, tried for real."""
