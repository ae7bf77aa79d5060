"""An exact record of the fixes a service acknowledged."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from simulator.tracker import Fix
from simulator.wire import compact, iso_utc


class Ledger:
    """Appends one JSON line per acknowledged fix, in one write per answer.

    A line is written only after the acknowledgement, so every line is a promise that
    the service made. Lines of one answer go to the file together: a process that dies
    leaves no half line of an earlier answer behind.
    """

    def __init__(self, path: Path) -> None:
        """Open the file for appending.

        Raises:
            OSError: the file cannot be opened.
        """
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._descriptor = os.open(path, flags, 0o644)

    def write(self, fixes: Iterable[Fix]) -> None:
        """Record acknowledged fixes."""
        lines = b"".join(
            compact({"device_id": fix.device_id, "timestamp": iso_utc(fix.timestamp)})
            + b"\n"
            for fix in fixes
        )
        while lines:
            lines = lines[os.write(self._descriptor, lines) :]

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
