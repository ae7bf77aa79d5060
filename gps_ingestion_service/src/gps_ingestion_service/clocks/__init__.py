"""Clocks that were read in a wrong zone: stored fixes put right, and back again."""
