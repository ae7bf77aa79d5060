"""What goes wrong around a pipeline: the way to the registry, scans, advisories."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from planted.json_over_http import send

DENIED = json.dumps(
    {"errors": [{"code": "DENIED", "message": "requested access is denied"}]}
).encode()
REFUSAL = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n"
    b"Docker-Distribution-Api-Version: registry/2.0\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(DENIED), DENIED)
)
CHUNK = 64 * 1024


@dataclass
class RegistryWay:
    """A TCP proxy in front of the registry, which can be a bad one.

    :param upstream: address of the registry, host and port.
    :param resets: connections to break before the first that is passed on.
    :param refuses: answer every request with a refusal of the registry protocol.
    """

    upstream: str
    resets: int = 0
    refuses: bool = False
    connections: int = 0
    listener: socket.socket = field(default_factory=socket.socket)

    @property
    def address(self) -> str:
        """Where it listens, host and port."""
        host, port = self.listener.getsockname()
        return f"{host}:{port}"

    @contextmanager
    def open(self) -> Iterator[None]:
        """Listen while the block runs."""
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            serve = self._reset if self.connections <= self.resets else self._pass_on
            if self.refuses:
                serve = self._refuse
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    def _reset(self, client: socket.socket) -> None:
        # Closed with nothing to linger for, a connection ends in a reset.
        linger = struct.pack("ii", 1, 0)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.close()

    def _refuse(self, client: socket.socket) -> None:
        # What hangs up while it is being answered has asked in another protocol.
        with closing(client), suppress(OSError):
            if client.recv(CHUNK).startswith((b"GET", b"HEAD", b"POST", b"PUT")):
                client.sendall(REFUSAL)
                client.shutdown(socket.SHUT_WR)
                # Closed with something unread, the connection would be reset.
                while client.recv(CHUNK):
                    pass

    def _pass_on(self, client: socket.socket) -> None:
        host, _, port = self.upstream.rpartition(":")
        with closing(client), socket.create_connection((host, int(port))) as server:
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(CHUNK):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # One side hung up; the other copy sees its own end.
        return


def docker_by(
    way: RegistryWay, folder: Path, environment: Mapping[str, str]
) -> dict[str, str]:
    """Make the pushes of a run go by ``way``, and nothing else.

    A ``docker`` that is first on PATH pushes to the proxy instead of the registry, with
    the same login. The image arrives in the same registry under the same digest.

    :returns: what changes in the environment of the run.
    """
    registry = environment["ECR_REGISTRY"]
    config = Path(environment["DOCKER_CONFIG"]) / "config.json"
    logins = json.loads(config.read_text(encoding="utf-8"))
    logins["auths"][way.address] = logins["auths"][registry]
    own = folder / "docker-config"
    own.mkdir()
    (own / "config.json").write_text(json.dumps(logins), encoding="utf-8")
    program = folder / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(
        f"""#!/bin/sh
PATH='{environment["PATH"]}'
if [ "$1" != push ]; then exec docker "$@"; fi
name={way.address}/${{2#*/}}
docker tag "$2" "$name"
exec docker push "$name"
""",
        encoding="utf-8",
    )
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{environment['PATH']}"
    return {"DOCKER_CONFIG": str(own), "PATH": path}


def scan_result(
    endpoint: str, region: str, repository: str, tag: str, scan: Any
) -> None:
    """Have the emulated ECR answer ``scan`` about the image that will carry ``tag``.

    The emulator's own interface for it; its findings are invented in any case.
    """
    result = {
        "repositoryName": repository,
        "imageId": {"imageTag": tag},
        "registryId": "123456789012",
        **scan,
    }
    address = f"{endpoint}/moto-api/static/ecr/scan-finding-results"
    send("POST", address, {"region": region, "results": [result]})


CRITICAL = {
    "imageScanStatus": {"status": "COMPLETE"},
    "imageScanFindings": {
        "findings": [
            {
                "name": "CVE-2026-99999",
                "severity": "CRITICAL",
                "attributes": [{"key": "package_name", "value": "planted"}],
            }
        ],
        "findingSeverityCounts": {"CRITICAL": 1},
    },
}
NEVER_ENDS = {"imageScanStatus": {"status": "IN_PROGRESS"}}


def advisory(folder: Path, package: str, version: str) -> Path:
    """Write one record about a version of ``package``, as of today.

    :returns: the folder to serve.
    """
    record = folder / "vulns" / package / "PYSEC-2026-99999.yaml"
    record.parent.mkdir(parents=True)
    today = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    record.write_text(
        f"""id: PYSEC-2026-99999
details: Planted, no such weakness is known.
modified: "{today}"
published: "{today}"
affected:
- package:
    name: {package}
    ecosystem: PyPI
    purl: pkg:pypi/{package}
  versions:
  - "{version}"
""",
        encoding="utf-8",
    )
    return folder
