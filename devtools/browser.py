"""The browser that tests look through: Chromium, or Chrome under one of its names."""

from __future__ import annotations

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """Path of the browser's program, None where none is installed."""
    return next((path for path in map(shutil.which, NAMES) if path), None)
