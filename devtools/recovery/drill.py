"""The drill: write, back up, go on writing, lose everything, restore, prove."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from devtools.layout import Layout
from devtools.lone_service import DATABASE, TOKEN, LoneService
from devtools.ports import Ports
from devtools.postgres import Cluster, find_binaries
from devtools.recovery.archive import Archive, destroy
from devtools.recovery.proof import RPO_S, RTO_S, Proof, lost_seconds, prove
from devtools.recovery.writer import DEVICE, Writer
from devtools.waiting import wait_until

TIMEOUT_S = 120.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Findings:
    """What the drill has shown.

    :param restore_s: from the loss until the service took fixes again.
    :param lost_s: of what was acknowledged, that the archive did not have.
    """

    to_a_time: Proof
    restore_s: float
    lost_s: float

    @property
    def passed(self) -> bool:
        """Whether every promise was kept."""
        return self.to_a_time.holds and self.restore_s <= RTO_S and self.lost_s <= RPO_S


class Drill:
    """A GPS service with an archived database, in a folder that is thrown away.

    :param batches: to be acknowledged in each part of the drill.
    """

    def __init__(
        self, layout: Layout, folder: Path, archive_timeout_s: int, batches: int
    ) -> None:
        self.batches = batches
        ports = Ports.free()
        self.archive = Archive(folder / "archive", archive_timeout_s)
        self.cluster = Cluster(
            find_binaries(layout.venv("gps")),
            folder / "database" / "data",
            ports.postgres,
            folder / "postgres.log",
            TOKEN,
        )
        log = folder / "service.log"
        self.service = LoneService(layout, self.cluster, ports.gps, log)
        self.writer = Writer(self.service.url, TOKEN)

    def run(self, say: Say) -> Findings:
        """Go through all of it.

        :raises DevtoolsError: a part of it did not work.
        """
        self.cluster.initialise()
        self.archive.attach(self.cluster)
        server = self.cluster.start()
        try:
            self.cluster.query(f"CREATE DATABASE {DATABASE}")
            with self.service.running():
                self.service.register(DEVICE, "MH12AB1234")
                target = self._write(say)
                # The disk goes while the tracker sends.
                destroyed_at = time.time()
                destroy(self.cluster, server)
        finally:
            server.end()
        self.writer.stop()
        say(f"destroyed server, data and log; archive: {self._megabytes()} MB")
        restore_s, proof = self._restore_to(target, destroyed_at, say)
        lost_s = self._restore_all(destroyed_at, say)
        return Findings(proof, restore_s, lost_s)

    def _write(self, say: Say) -> float:
        """Writing goes on all the time; answers the target, a time in the middle."""
        self.writer.start()
        self._wait_for_batches("before the base backup")
        start = time.monotonic()
        self.archive.back_up(self.cluster)
        say(f"base backup in {time.monotonic() - start:.1f} s, while fixes came")
        self._wait_for_batches("after the base backup")
        moment, segment = self.cluster.query(
            "SELECT extract(epoch FROM clock_timestamp()),"
            " pg_walfile_name(pg_current_wal_insert_lsn())"
        )[0].split("|")
        self._wait_for_batches("after the target")
        start = time.monotonic()
        self.archive.wait_for(self.cluster, segment)
        say(f"target in the archive after {time.monotonic() - start:.1f} s more")
        self._wait_for_batches("after the target was archived")
        return float(moment)

    def _wait_for_batches(self, when: str) -> None:
        wanted = len(self.writer.acknowledged) + self.batches
        wait_until(
            lambda: len(self.writer.acknowledged) >= wanted,
            what=f"{self.batches} acknowledged batches {when}",
            timeout_s=TIMEOUT_S,
            hint=f"see {self.service.log}",
        )

    def _restore_to(
        self, target: float, destroyed_at: float, say: Say
    ) -> tuple[float, Proof]:
        moment = datetime.fromtimestamp(target, UTC)
        server = self.archive.restore(self.cluster, moment.isoformat())
        try:
            with self.service.running():
                restore_s = time.time() - destroyed_at
                proof = prove(self.writer.acknowledged, self._stored(), target)
        finally:
            self.cluster.stop(server)
        say(f"restored to {moment:%H:%M:%S.%f} UTC, service ready: {restore_s:.1f} s")
        return restore_s, proof

    def _restore_all(self, destroyed_at: float, say: Say) -> float:
        """Once more, to the end of the archive: what would the loss have cost?"""
        place = self.cluster.data.with_name("newest")
        newest = replace(self.cluster, data=place)
        server = self.archive.restore(newest, None)
        try:
            stored = self._stored()
        finally:
            newest.stop(server)
        say(f"restored to the end of the archive: {len(stored)} fixes")
        return lost_seconds(self.writer.acknowledged, stored, destroyed_at)

    def _stored(self) -> set[datetime]:
        rows = self.cluster.query(
            "SELECT extract(epoch FROM fix_time) FROM fix", DATABASE
        )
        return {datetime.fromtimestamp(float(row), UTC) for row in rows}

    def _megabytes(self) -> int:
        return self.archive.size_bytes // 1024**2


def recovery_drill(
    layout: Layout, say: Say, archive_timeout_s: int = 5, batches: int = 25
) -> Findings:
    """Run the drill and say what it showed.

    :raises DevtoolsError: a part of it did not work; the logs are kept then.
    """
    layout.run.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="recovery-drill-", dir=layout.run))
    findings = Drill(layout, folder, archive_timeout_s, batches).run(say)
    proof = findings.to_a_time
    say(f"{proof.before} fixes acknowledged before the target, {proof.missing} missing")
    say(f"{proof.after} fixes sent after the target, {proof.surplus} there")
    say(
        f"RPO {RPO_S / 60:.0f} min: a lost disk would have cost {findings.lost_s:.1f} s"
    )
    say(f"RTO {RTO_S / 3600:.0f} h: back after {findings.restore_s:.1f} s")
    if findings.passed:
        shutil.rmtree(folder)
    else:
        say(f"kept for a look: {os.fspath(folder)}")
    return findings
