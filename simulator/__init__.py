"""A fleet of trucks that drives real road geometry and speaks real tracker formats.

The pure part (fleet file, roads, driving, trackers, wire formats) turns a fleet file,
a seed and a start time into fixes and needs no network; ``drive`` and ``load`` send
them to a GPS ingestion service.
"""
