"""Geofences: areas whose crossing is a fact, each version valid in its own time."""
