"""Planted cases: every gate of the pipelines is made to fail, for real.

Run by itself, as root, never with the unit tests: ``make pipeline-test``.
"""
