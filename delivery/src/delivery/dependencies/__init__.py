"""Locks of Python dependencies, and the gate that audits them."""
