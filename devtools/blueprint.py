"""How the services of an instance are configured and started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from devtools.commands import run_to_log
from devtools.environment import clean_environment
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.odoo_server import OdooServer, write_private
from devtools.odoo_tree import OdooTree
from devtools.ports import LOOPBACK, Ports
from devtools.postgres import Cluster, find_binaries
from devtools.processes import last_lines
from devtools.services import PostgresService, ProgramService, Service
from devtools.state import Secrets
from devtools.web import answers

GPS_DATABASE = GPS_ROLE = "gps"


@dataclass(frozen=True)
class DriveOptions:
    """How the simulator drives the fleet.

    :param interval_s: seconds between two fixes of a vehicle.
    :param speedup: how much faster than real time the fleet moves.
    """

    seed: int = 7
    speedup: float = 1.0
    interval_s: float = 10.0


@dataclass(frozen=True)
class Blueprint:
    """Everything that follows from an instance's folder, ports and secrets."""

    layout: Layout
    tree: OdooTree
    folder: Path
    ports: Ports
    durable: bool
    drive: DriveOptions

    @cached_property
    def secrets(self) -> Secrets:
        """The instance's secrets."""
        return Secrets.load(self.folder / "secrets.json")

    @cached_property
    def cluster(self) -> Cluster:
        """Its PostgreSQL."""
        return Cluster(
            binaries=find_binaries(self.layout.venv("gps")),
            data=self.folder / "pgdata",
            port=self.ports.postgres,
            log=self._log("postgres"),
            password=self.secrets.postgres_password,
            durable=self.durable,
        )

    @property
    def secrets_folder(self) -> Path:
        """Mounted secrets, one per file, as the GPS service and Odoo read them."""
        return self.folder / "secrets"

    @cached_property
    def odoo_server(self) -> OdooServer:
        """Its Odoo."""
        secrets = self.secrets_folder
        return OdooServer(
            tree=self.tree,
            python=self.layout.python("odoo"),
            folder=self.folder / "odoo",
            extra_addons=self.layout.addon.parent,
            environment={
                "TMS_GPS_URL": self.gps_url,
                "TMS_GPS_HMAC_SECRET_FILE": str(secrets / "gps_odoo_hmac_secret"),
                "TMS_GPS_ADMIN_TOKEN_FILE": str(secrets / "gps_provision_token"),
            },
        )

    @property
    def odoo_url(self) -> str:
        """Base URL of Odoo."""
        return f"http://{LOOPBACK}:{self.ports.odoo}"

    @property
    def gps_url(self) -> str:
        """Base URL of the GPS service."""
        return f"http://{LOOPBACK}:{self.ports.gps}"

    def configure(self) -> None:
        """Write the files that the services read their settings and secrets from."""
        self.secrets_folder.mkdir(mode=0o700, exist_ok=True)
        secrets = self.secrets
        files = {
            "gps_database_url": self.cluster.url(
                GPS_ROLE, secrets.gps_database_password, GPS_DATABASE
            ),
            "gps_odoo_hmac_secret": secrets.gps_hmac,
            "gps_admin_token": secrets.gps_admin_token,
            "gps_provision_token": secrets.gps_provision_token
            or secrets.gps_admin_token,
            "gps_ingest_token": secrets.gps_ingest_token,
        }
        for name, text in files.items():
            write_private(self.secrets_folder / name, text)
        self.odoo_server.configure(
            postgres_port=self.ports.postgres,
            http_port=self.ports.odoo,
            password=secrets.odoo_database_password,
            master=secrets.odoo_master_password,
        )

    def service(self, name: str) -> Service:
        """The service with this name."""
        services: Mapping[str, Service] = {
            "postgres": PostgresService(self.cluster),
            "odoo": self._odoo_service,
            "gps": self._gps_service,
            "simulator": self._simulator_service,
        }
        return services[name]

    @property
    def _odoo_service(self) -> ProgramService:
        server = self.odoo_server
        return ProgramService(
            name="odoo",
            argv=server.command("--no-database-list"),
            environment=server.process_environment,
            cwd=server.folder,
            log=self._log("odoo"),
            # The login page needs the whole registry, which is loaded at the start.
            probe_ready=lambda: answers(f"{self.odoo_url}/web/login", 60),
            probe_healthy=lambda: answers(
                f"{self.odoo_url}/web/health?db_server_status=1"
            ),
        )

    @property
    def _gps_service(self) -> ProgramService:
        command = [str(self.layout.python("gps")), "-m", "gps_ingestion_service"]
        listen = ["--host", LOOPBACK, "--port", str(self.ports.gps)]

        def healthy() -> bool:
            return answers(f"{self.gps_url}/readyz")

        return ProgramService(
            name="gps",
            argv=[*command, "serve", *listen],
            environment=self._gps_environment,
            cwd=self.folder,
            log=self._log("gps"),
            probe_ready=healthy,
            probe_healthy=healthy,
            prepare=lambda: self._migrate([*command, "migrate"]),
        )

    @property
    def _gps_environment(self) -> dict[str, str]:
        return clean_environment(
            {
                "GPS_SECRETS_DIR": str(self.secrets_folder),
                "GPS_ODOO_URL": self.odoo_url,
                "GPS_TELTONIKA_PORT": str(self.ports.teltonika),
                "GPS_GT06_PORT": str(self.ports.gt06),
            }
        )

    def _migrate(self, command: list[str]) -> None:
        log = self._log("gps-migrate")
        environment = self._gps_environment
        if run_to_log(command, log=log, cwd=self.folder, env=environment) != 0:
            raise DevtoolsError(
                "the schema of the GPS service could not be brought up to date",
                f"see {log}",
                last_lines(log),
            )

    @property
    def _simulator_service(self) -> ProgramService:
        drive = self.drive
        command = [str(self.layout.python("integration")), "-m", "simulator", "drive"]
        command += ["--fleet", str(self.folder / "fleet.json"), "--url", self.gps_url]
        command += ["--teltonika-port", str(self.ports.teltonika)]
        command += ["--gt06-port", str(self.ports.gt06)]
        command += ["--seed", str(drive.seed), "--speedup", f"{drive.speedup:g}"]
        return ProgramService(
            name="simulator",
            argv=[*command, "--interval", f"{drive.interval_s:g}"],
            environment=clean_environment(),
            cwd=self.layout.root,
            log=self._log("simulator"),
            probe_ready=lambda: True,
            probe_healthy=lambda: True,
        )

    def _log(self, service: str) -> Path:
        log = self.folder / "logs" / f"{service}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        return log
