"""Devices: who may send fixes, and for which vehicle."""
