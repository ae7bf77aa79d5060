"""Structured status lines on stderr."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TextIO


class Reporter:
    """Writes one JSON object per line: an event, the time and its fields."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def __call__(self, event: str, **fields: object) -> None:
        """Write one event."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        line = json.dumps({"event": event, "time": now, **fields})
        # sys.stderr is looked up late, so that a replaced stream is honoured.
        print(line, file=self._stream or sys.stderr, flush=True)
