"""Positions: taken in, stored once, read back."""
