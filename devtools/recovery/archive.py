"""A cluster whose write-ahead log is archived, and its restoration to a point in time.

What RDS does out of sight is done here with the same means: ``pg_basebackup``, an
``archive_command`` and ``recovery_target_time`` (chapter 26 of PostgreSQL's manual).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devtools.environment import clean_environment
from devtools.errors import DevtoolsError
from devtools.ports import LOOPBACK
from devtools.postgres import ADMIN_ROLE, Cluster, quote, unprivileged
from devtools.processes import ProcessIdentity
from devtools.waiting import wait_until

CATCH_UP_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Archive:
    """Where base backup and log go: another disk, in earnest another building.

    :param archive_timeout_s: after this a segment is archived though it is not full;
        with the copying it bounds what a lost disk costs. RDS: 300.
    """

    folder: Path
    archive_timeout_s: int

    @property
    def log(self) -> Path:
        """Folder of the archived segments of the write-ahead log."""
        return self.folder / "wal"

    @property
    def base(self) -> Path:
        """The base backup."""
        return self.folder / "base"

    @property
    def size_bytes(self) -> int:
        """Everything that is kept."""
        return sum(path.stat().st_size for path in self.folder.rglob("*"))

    def attach(self, cluster: Cluster) -> None:
        """Let an initialised cluster archive its log from its next start on."""
        self.log.mkdir(parents=True)
        unprivileged(self.folder)
        # A segment that is there already must never be overwritten.
        target = f'"{self.log}/%f"'
        _configure(
            cluster,
            {
                "archive_mode": "on",
                "archive_timeout": str(self.archive_timeout_s),
                "archive_command": f'test ! -f {target} && cp "%p" {target}',
            },
        )

    def back_up(self, cluster: Cluster) -> None:
        """Copy the running cluster; clients go on writing meanwhile.

        :raises DevtoolsError: ``pg_basebackup`` failed.
        """
        command = [*unprivileged(self.folder), str(cluster.binaries / "pg_basebackup")]
        command += ["-D", str(self.base), "-h", LOOPBACK, "-p", str(cluster.port)]
        command += ["-U", ADMIN_ROLE, "--checkpoint=fast", "--wal-method=none"]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=clean_environment({"PGPASSWORD": cluster.password}),
            cwd="/",
            check=False,
        )
        if done.returncode != 0:
            lines = tuple(done.stderr.strip().splitlines()[-3:])
            raise DevtoolsError("the base backup failed", "", lines)

    def wait_for(self, cluster: Cluster, segment: str) -> None:
        """Wait until a segment of the log is archived.

        :raises DevtoolsError: it was not in time.
        """
        wait_until(
            lambda: (self.log / segment).is_file(),
            what=f"segment {segment} in the archive",
            timeout_s=CATCH_UP_TIMEOUT_S,
            hint=f"see {cluster.log}",
        )

    def restore(self, cluster: Cluster, target: str | None) -> ProcessIdentity:
        """Bring the archived cluster up in an empty place, and let it take writes.

        :param target: time up to which it is replayed; None for all that is archived.
        :raises DevtoolsError: it did not start, or the archive ends before the target.
        """
        shutil.copytree(self.base, cluster.data)
        cluster.data.chmod(0o700)
        unprivileged(cluster.data)
        settings = {
            "archive_mode": "off",
            "restore_command": f'cp "{self.log}/%f" "%p"',
            "recovery_target_action": "promote",
        }
        if target is not None:
            settings["recovery_target_time"] = target
        _configure(cluster, settings)
        (cluster.data / "recovery.signal").touch()
        unprivileged(cluster.data)
        process = cluster.start()
        wait_until(
            lambda: cluster.query("SELECT pg_is_in_recovery()") == ["f"],
            what="the end of the recovery",
            timeout_s=CATCH_UP_TIMEOUT_S,
            hint=f"see {cluster.log}",
        )
        return process


def destroy(cluster: Cluster, process: ProcessIdentity) -> None:
    """Lose the server and its disk at once, log that is not archived included."""
    process.end(signal.SIGKILL)
    wait_until(
        lambda: not _backends(cluster),
        what="the end of the server's other processes",
        timeout_s=CATCH_UP_TIMEOUT_S,
    )
    shutil.rmtree(cluster.data)


def _backends(cluster: Cluster) -> list[int]:
    """Processes that still have the data directory as their working directory."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if os.readlink(process / "cwd") == str(cluster.data):
                    found.append(int(process.name))
            except OSError:  # gone meanwhile, or of another user
                continue
    return found


def _configure(cluster: Cluster, settings: dict[str, str]) -> None:
    lines = [f"{name} = {quote(value)}\n" for name, value in settings.items()]
    with (cluster.data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
        file.writelines(lines)
