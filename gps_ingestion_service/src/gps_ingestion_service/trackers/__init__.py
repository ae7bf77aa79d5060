"""Listeners for trackers that speak a binary format over TCP or UDP."""
