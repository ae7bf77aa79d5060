"""The lock that the one `run` of a checkout holds, from first step to last."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TextIO

from devtools.processes import ProcessIdentity, identify

# For this long the lock may be held by somebody who has not written down who it is.
_UNNAMED_S = 2.0
END_TIMEOUT_S = 120.0


@dataclass
class RunLock:
    """A lock file that names its holder; the system frees it when the holder ends.

    :param path: the file; it stays when the lock is free.
    """

    path: Path
    _file: TextIO | None = field(default=None, init=False)

    def __enter__(self) -> RunLock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def holder(self) -> ProcessIdentity | None:
        """The process that was the last to take it, where it still runs."""
        try:
            identity = ProcessIdentity(**json.loads(self.path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return identity if identity.alive else None

    @property
    def descriptor(self) -> int:
        """Of the taken lock, for a child that is to go on holding it."""
        assert self._file is not None
        return self._file.fileno()

    def take(self) -> bool:
        """Take it, unless another process has it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.open("a+", encoding="utf-8")
        deadline = time.monotonic() + _UNNAMED_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self.holder is None and time.monotonic() < deadline:
                    time.sleep(0.02)
                    continue
                file.close()
                return False
            self._hold(file)
            return True

    def take_from_holder(self) -> bool:
        """Take it, ending whoever has it first.

        :returns: whether somebody had it.
        """
        had = False
        while not self.take():
            had = True
            holder = self.holder
            if holder is not None:
                holder.end(signal.SIGTERM, END_TIMEOUT_S)
        return had

    def adopt(self, descriptor: int) -> None:
        """Go on holding the lock that the parent process has taken."""
        os.set_inheritable(descriptor, False)
        self._hold(os.fdopen(descriptor, "a+", encoding="utf-8"))

    def close(self) -> None:
        """Let go of it; it is free unless a child adopted it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _hold(self, file: TextIO) -> None:
        identity = identify(os.getpid())
        assert identity is not None
        file.truncate(0)
        file.write(json.dumps(asdict(identity)))
        file.flush()
        self._file = file
