"""Advisory records for a run's dependency audit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from delivery.advisories.records import AdvisoryDatabase
from delivery.advisories.server import AdvisoryServer


@contextmanager
def served(source: Path | None) -> Iterator[dict[str, str]]:
    """Serve the records of ``source``; gives the variables that make the audit ask.

    Without a source nothing is served, and pip-audit asks whom it always asks.

    :raises DeliveryError: ``source`` holds no records
    """
    if source is None:
        yield {}
        return
    with AdvisoryServer(AdvisoryDatabase.open(source)) as server:
        worker = Thread(target=server.serve_forever, daemon=True)
        worker.start()
        try:
            yield {
                "ADVISORIES": str(source.resolve()),
                "PIP_AUDIT_VULNERABILITY_SERVICE": "osv",
                "PIP_AUDIT_OSV_URL": server.url,
            }
        finally:
            server.shutdown()
            worker.join()
