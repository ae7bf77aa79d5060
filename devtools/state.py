"""What an instance remembers between commands, in two files of its folder."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from devtools.odoo_server import write_private
from devtools.ports import Ports
from devtools.processes import ProcessIdentity

LOGINS = ("admin", "dispatcher", "finance", "driver")


@dataclass(frozen=True)
class Secrets:
    """What must not be known outside an instance; made once, when it is created.

    :param passwords: of the users of Odoo, by login.
    """

    gps_hmac: str = field(repr=False)
    gps_admin_token: str = field(repr=False)
    gps_ingest_token: str = field(repr=False)
    postgres_password: str = field(repr=False)
    odoo_database_password: str = field(repr=False)
    gps_database_password: str = field(repr=False)
    odoo_master_password: str = field(repr=False)
    passwords: Mapping[str, str] = field(repr=False)
    # Instances that were made before it existed have none.
    gps_provision_token: str = field(default="", repr=False)

    @classmethod
    def generate(cls) -> Secrets:
        """New secrets from the system's source of randomness."""
        return cls(
            gps_hmac=secrets.token_urlsafe(32),
            gps_admin_token=secrets.token_urlsafe(32),
            gps_ingest_token=secrets.token_urlsafe(32),
            gps_provision_token=secrets.token_urlsafe(32),
            postgres_password=secrets.token_urlsafe(24),
            odoo_database_password=secrets.token_urlsafe(24),
            gps_database_password=secrets.token_urlsafe(24),
            odoo_master_password=secrets.token_urlsafe(24),
            passwords={login: secrets.token_urlsafe(9) for login in LOGINS},
        )

    @classmethod
    def load(cls, path: Path) -> Secrets:
        """Secrets as :meth:`save` wrote them."""
        return cls(**json.loads(path.read_text()))

    def save(self, path: Path) -> None:
        """Write them for the owner's eyes only."""
        write_private(path, json.dumps(asdict(self), indent=1))


@dataclass(frozen=True)
class State:
    """What is not secret.

    :param template: key of the template it was copied from.
    :param data_from: when its demo data was made, in seconds since the epoch.
    :param addon: digest of the addon that its database was brought up to.
    :param series: of the Odoo that its database belongs to.
    :param owner: the command that watches over it, while there is one.
    :param processes: what was started and not yet stopped, by service.
    """

    template: str
    data_from: float
    addon: str
    series: str
    ports: Ports
    owner: ProcessIdentity | None = None
    processes: Mapping[str, ProcessIdentity] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> State | None:
        """The state as :meth:`save` wrote it, None where there is none."""
        try:
            raw: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        raw["ports"] = Ports(**raw["ports"])
        raw["owner"] = raw["owner"] and ProcessIdentity(**raw["owner"])
        raw["processes"] = {
            name: ProcessIdentity(**process)
            for name, process in raw["processes"].items()
        }
        return cls(**raw)

    def save(self, path: Path) -> None:
        """Write the state, in one piece."""
        write_private(path, json.dumps(asdict(self), indent=1))

    def with_process(self, service: str, process: ProcessIdentity | None) -> State:
        """The state after a service started, or (None) ended."""
        processes = {k: v for k, v in self.processes.items() if k != service}
        if process is not None:
            processes[service] = process
        return replace(self, processes=processes)
