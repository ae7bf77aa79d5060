"""A tracker that never stops: it sends fixes and notes which were acknowledged."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from devtools.errors import DevtoolsError
from devtools.web import request

DEVICE = "RECOVERY-DRILL"
BATCH = 20
PAUSE_S = 0.02
TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Acknowledged:
    """A batch that the service has promised to keep.

    :param sent_at: Unix time before it was sent.
    :param acked_at: Unix time after its answer was read.
    """

    fix_times: tuple[datetime, ...]
    sent_at: float
    acked_at: float


class Writer:
    """Sends one batch after the other to the service, in a thread of its own."""

    def __init__(self, url: str, ingest_token: str) -> None:
        self._url = f"{url}/v1/positions"
        self._token = ingest_token
        self._next = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=12)
        self._acknowledged: list[Acknowledged] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()
        self._thread.join()

    @property
    def acknowledged(self) -> Sequence[Acknowledged]:
        """What was promised so far, in order."""
        return tuple(self._acknowledged)

    def _run(self) -> None:
        while not self._stop.wait(PAUSE_S):
            times = tuple(self._next + timedelta(seconds=n) for n in range(BATCH))
            self._next = times[-1] + timedelta(seconds=1)
            sent_at = time.time()
            if self._send(times):
                noted = Acknowledged(times, sent_at, time.time())
                self._acknowledged.append(noted)

    def _send(self, times: Sequence[datetime]) -> bool:
        rows = [
            {
                "device_id": DEVICE,
                "latitude": 18.52,
                "longitude": 73.85,
                "timestamp": moment.isoformat(),
            }
            for moment in times
        ]
        try:
            answer = request(
                self._url,
                method="POST",
                payload=rows,
                token=self._token,
                timeout_s=TIMEOUT_S,
            )
            return answer.status == 200 and answer.json()["accepted"] == len(rows)
        except DevtoolsError:
            # The service is being destroyed: nothing was promised.
            return False
