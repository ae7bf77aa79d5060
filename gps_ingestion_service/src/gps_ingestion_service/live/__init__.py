"""Positions as they move, for maps that stay open."""
