"""TCP ports on 127.0.0.1: free ones, and who holds a busy one."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from devtools.errors import DevtoolsError

LOOPBACK = "127.0.0.1"
_LISTEN = "0A"


@dataclass(frozen=True)
class Ports:
    """Ports of one instance, all on 127.0.0.1."""

    postgres: int = 54320
    odoo: int = 8069
    gps: int = 8070
    teltonika: int = 5027
    gt06: int = 5023

    VARIABLES: ClassVar[dict[str, str]] = {
        "postgres": "TMS_PG_PORT",
        "odoo": "TMS_ODOO_PORT",
        "gps": "TMS_GPS_PORT",
        "teltonika": "TMS_TELTONIKA_PORT",
        "gt06": "TMS_GT06_PORT",
    }

    @classmethod
    def from_environment(cls) -> Ports:
        """The default ports, each replaced by its environment variable where set.

        :raises DevtoolsError: when a variable is no port number or two are the same.
        """
        defaults = cls()
        chosen = {
            name: _port_from(variable, getattr(defaults, name))
            for name, variable in cls.VARIABLES.items()
        }
        if len(set(chosen.values())) != len(chosen):
            listed = ", ".join(f"{cls.VARIABLES[n]}={p}" for n, p in chosen.items())
            raise DevtoolsError("two services have the same port", f"change {listed}")
        return cls(**chosen)

    @classmethod
    def free(cls) -> Ports:
        """Ports that nothing listens on at this moment."""
        with ExitStack() as held:
            probes = [held.enter_context(socket.socket()) for _ in cls.VARIABLES]
            for probe in probes:
                probe.bind((LOOPBACK, 0))
            return cls(*(int(probe.getsockname()[1]) for probe in probes))

    def require_free(self, service: str) -> None:
        """Refuse a busy port with a line that names its holder.

        :raises DevtoolsError: when something listens on the port of ``service``.
        """
        port = int(getattr(self, service))
        if not is_busy(port):
            return
        holder = find_holder(port)
        raise DevtoolsError(
            f"port {port} for {service} is in use by {holder or 'another process'}",
            f"end it, or choose another port with {self.VARIABLES[service]}=NUMBER",
        )


def _port_from(variable: str, default: int) -> int:
    text = os.environ.get(variable, "")
    if not text:
        return default
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise DevtoolsError(f"{variable}={text} is no port", "give 1 to 65535")
    return int(text)


def is_busy(port: int) -> bool:
    """Whether a service could not listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


def find_holder(port: int) -> str | None:
    """Pid and command of the process that listens on a port, where it may be seen."""
    wanted = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not wanted:
        return None
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and _holds_any(process, wanted):
            return f"pid {process.name} ({_command(process)})"
    return None


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes


def _holds_any(process: Path, wanted: set[str]) -> bool:
    try:
        return any(os.readlink(fd) in wanted for fd in (process / "fd").iterdir())
    except OSError:  # gone meanwhile, or of another user
        return False


def _command(process: Path) -> str:
    try:
        words = (process / "cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return "?"
    return words.replace("\0", " ").strip()[:80] or "?"
