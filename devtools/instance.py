"""A whole running system: PostgreSQL, GPS service, Odoo and simulator.

``make run`` keeps one called ``dev``. Tests make their own, on free ports, and throw it
away::

    with Instance.temporary("faults") as tms:
        tms.start()
        token = tms.device_tokens()["356307042441013"]
        tms.kill("gps")
        tms.start_service("gps")
        tms.odoo_client("dispatcher").call("tms.vehicle.position", "search_read", [])
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from devtools import fleet
from devtools.blueprint import Blueprint, DriveOptions
from devtools.creation import create_instance
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.odoo_server import ADDON, DATABASE
from devtools.odoo_source import locate_odoo
from devtools.odoo_tree import OdooTree
from devtools.ports import LOOPBACK, Ports
from devtools.processes import ProcessIdentity, identify
from devtools.services import (
    END_ORDER,
    NAMES,
    Service,
    end_signal,
    end_timeout_s,
)
from devtools.state import Secrets, State
from devtools.templates import addon_digest
from devtools.web import GpsAdminClient, OdooClient

SERVICES = NAMES


@dataclass(frozen=True)
class Urls:
    """Base URLs of an instance, without a slash at the end."""

    odoo: str
    gps: str


class Instance:
    """One system with its own data, secrets and ports, in ``.run/NAME/``.

    :param name: of its folder.
    :param ports: where its services listen; by default where they do if they run, else
        where ``TMS_PG_PORT``, ``TMS_ODOO_PORT``, ``TMS_GPS_PORT`` and the variables of
        the tracker ports say.
    :param tree: the Odoo to run; by default the one that ``make setup`` found.
    :param durable: PostgreSQL's commits reach the disk. Never False for ``make run``,
        fault tests and benchmarks.
    :param report: told, in half a line, what is being done.
    """

    def __init__(
        self,
        name: str = "dev",
        *,
        ports: Ports | None = None,
        layout: Layout | None = None,
        tree: OdooTree | None = None,
        durable: bool = True,
        report: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.name = name
        self.layout = layout or Layout.discover()
        self.folder = self.layout.run / name
        self.ports = ports or self._usual_ports()
        self.durable = durable
        self.report = report
        self._tree = tree
        self._drive = DriveOptions()
        self._temporary = False

    def _usual_ports(self) -> Ports:
        state = self.state
        if state is not None and any(p.alive for p in state.processes.values()):
            return state.ports
        return Ports.from_environment()

    # -- making and finding --------------------------------------------------------

    @classmethod
    def temporary(
        cls,
        label: str,
        *,
        layout: Layout | None = None,
        tree: OdooTree | None = None,
        durable: bool = True,
        report: Callable[[str], None] = lambda text: None,
    ) -> Instance:
        """An instance on free ports that is deleted when its ``with`` block ends.

        Its logs are kept in ``reports/NAME/``. Instances whose process was killed
        before it could clean up are ended and deleted first.
        """
        layout = layout or Layout.discover()
        sweep(layout)
        instance = cls(
            f"test-{label}-{os.getpid()}",
            ports=Ports.free(),
            layout=layout,
            tree=tree,
            durable=durable,
            report=report,
        )
        instance._temporary = True
        return instance

    def __enter__(self) -> Instance:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if self._temporary:
            self.keep_logs(self.layout.root / "reports" / self.name)
            self.delete()

    @property
    def state(self) -> State | None:
        """What the instance remembers, None before it is created."""
        return State.load(self.folder / "state.json")

    @property
    def exists(self) -> bool:
        """Whether the instance was created."""
        return self.state is not None

    @property
    def tree(self) -> OdooTree:
        """The Odoo that it runs."""
        if self._tree is None:
            self._tree = locate_odoo(self.layout)
        return self._tree

    @property
    def secrets(self) -> Secrets:
        """Its secrets.

        :raises DevtoolsError: before it is created.
        """
        try:
            return Secrets.load(self.folder / "secrets.json")
        except FileNotFoundError as error:
            raise DevtoolsError(f"instance {self.name} does not exist yet") from error

    @property
    def passwords(self) -> dict[str, str]:
        """Password of each login: admin, dispatcher, finance, driver."""
        return dict(self.secrets.passwords)

    @property
    def urls(self) -> Urls:
        """Where Odoo and the GPS service answer."""
        return Urls(
            odoo=f"http://{LOOPBACK}:{self.ports.odoo}",
            gps=f"http://{LOOPBACK}:{self.ports.gps}",
        )

    @property
    def database_urls(self) -> dict[str, str]:
        """PostgreSQL URL of each database, ``odoo`` and ``gps``, as its owner."""
        cluster, secrets = self._blueprint().cluster, self.secrets
        return {
            "odoo": cluster.url("odoo", secrets.odoo_database_password, DATABASE),
            "gps": cluster.url("gps", secrets.gps_database_password, "gps"),
        }

    @property
    def fleet_file(self) -> Path:
        """The simulator's fleet."""
        return self.folder / "fleet.json"

    def log(self, service: str) -> Path:
        """Log of a service."""
        return self.folder / "logs" / f"{service}.log"

    def odoo_client(self, login: str) -> OdooClient:
        """A session in Odoo for one of the logins in :attr:`passwords`."""
        return OdooClient(self.urls.odoo, DATABASE, login, self.passwords[login])

    def gps_client(self) -> GpsAdminClient:
        """The provisioning and reading API of the GPS service."""
        return GpsAdminClient(self.urls.gps, self.secrets.gps_admin_token)

    def device_tokens(self) -> dict[str, str]:
        """Token of each device, once the instance was started."""
        return fleet.read_tokens(self.fleet_file)

    # -- starting and ending -------------------------------------------------------

    def start(self, *, drive: DriveOptions | None = None) -> None:
        """Create the instance if need be, start it and wait until it works.

        :param drive: how the simulator drives; without it, it is not started.
        :raises DevtoolsError: when a port is busy or a service does not start; what was
            started by then has been ended again.
        """
        try:
            self._start(drive)
        except BaseException:
            self.stop()
            raise

    def _start(self, drive: DriveOptions | None) -> None:
        self._check_ports()
        state = self.state
        if state is None:
            create_instance(self._blueprint(), self.report)
        elif state.series != self.tree.series:
            raise DevtoolsError(
                f"the data is of Odoo {state.series}, and this is {self.tree.series}",
                "give the other one with ODOO_HOME, or delete the data: `make reset`",
            )
        blueprint = self._blueprint()
        blueprint.configure()
        self._save(owner=identify(os.getpid()), ports=self.ports)
        self.report("starting PostgreSQL")
        self._launch(blueprint.service("postgres"))
        self._update_addon()
        self.report("starting Odoo and the GPS service")
        odoo, gps = blueprint.service("odoo"), blueprint.service("gps")
        odoo_process = self._launch(odoo)
        gps.wait_ready(self._launch(gps))
        odoo.wait_ready(odoo_process)
        self.report("registering the fleet's trackers")
        self.provision_fleet()
        if drive is not None:
            self.report("starting the simulator")
            self.start_simulator(drive)

    def _check_ports(self) -> None:
        for service, more in (
            ("postgres", ()),
            ("odoo", ()),
            ("gps", ("teltonika", "gt06")),
        ):
            if not self.is_running(service):
                for port in (service, *more):
                    self.ports.require_free(port)

    def _update_addon(self) -> None:
        state, digest = self._require_state(), addon_digest(self.layout)
        if state.addon == digest:
            return
        self.report("the addon has changed: updating the database")
        server = self._blueprint().odoo_server
        server.run_to_end(f"--update={ADDON}", log=self.log("odoo-update"))
        self._save(addon=digest)

    def provision_fleet(self) -> dict[str, str]:
        """Write the fleet file from Odoo's lanes; answer the token of each device."""
        return fleet.write_fleet(
            self.odoo_client("dispatcher"),
            self.gps_client(),
            self.fleet_file,
            publish=self._publish_trackers,
        )

    def _publish_trackers(self) -> None:
        admin = self.odoo_client("admin")
        of_trackers = [["model_id.model", "=", "tms.tracker"]]
        crons = admin.call("ir.cron", "search", of_trackers)
        admin.call("ir.cron", "method_direct_trigger", crons)

    def start_simulator(self, drive: DriveOptions) -> None:
        """Start the simulator on the fleet file; a running one is ended first."""
        self.stop_service("simulator")
        self._drive = drive
        self.start_service("simulator")

    def start_service(self, name: str) -> None:
        """Start one service that is down, and wait until it works.

        :raises DevtoolsError: when it does not start.
        """
        if self.is_running(name):
            return
        service = self._blueprint().service(name)
        service.wait_ready(self._launch(service))

    def stop_service(self, name: str) -> bool:
        """End one service in good order; answers whether it needed no killing."""
        process = self.process(name)
        clean = True
        if process is not None:
            clean = process.end(end_signal(name), end_timeout_s(name))
        if self.exists:
            self._forget([name])
        return clean

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal to a service; after a SIGKILL, wait until it is gone."""
        process = self.process(name)
        if process is None:
            raise DevtoolsError(f"{name} is not running")
        process.send(number)
        if number == signal.SIGKILL:
            process.gone_within(10)

    def restart(self, name: str) -> None:
        """End a service, if it runs, and start it again."""
        self.stop_service(name)
        self.start_service(name)

    def stop(self) -> None:
        """End everything that was started, PostgreSQL last; fine when nothing was."""
        for group in END_ORDER:
            for name in group:
                process = self.process(name)
                if process is not None:
                    process.send(end_signal(name))
            for name in group:
                process = self.process(name)
                if process is not None:
                    if not process.gone_within(end_timeout_s(name)):
                        process.end(signal.SIGKILL)
        if self.exists:
            self._forget(NAMES)
            if not self._temporary:
                # One without an owner would be swept up by another command meanwhile.
                self._save(owner=None)

    def delete(self) -> None:
        """Delete the instance with all its data, after ending what runs of it."""
        self.stop()
        # Beside it is what a creation that was killed has left.
        for folder in (self.folder, self.folder.with_name(f".new-{self.name}")):
            if folder.exists():
                shutil.rmtree(folder)

    def keep_logs(self, target: Path) -> None:
        """Copy the logs to another folder."""
        logs = self.folder / "logs"
        if logs.is_dir():
            shutil.copytree(logs, target, dirs_exist_ok=True)

    # -- looking -------------------------------------------------------------------

    def process(self, name: str) -> ProcessIdentity | None:
        """The running process of a service."""
        state = self.state
        process = state.processes.get(name) if state else None
        return process if process is not None and process.alive else None

    def is_running(self, name: str) -> bool:
        """Whether the process of a service runs."""
        return self.process(name) is not None

    def is_healthy(self, name: str) -> bool:
        """Whether a service does its work at this moment."""
        if not self.is_running(name):
            return False
        try:
            return self.service(name).healthy()
        except DevtoolsError:
            return False

    def service(self, name: str) -> Service:
        """The description of a service, to start or probe it by hand."""
        return self._blueprint().service(name)

    # -- inside --------------------------------------------------------------------

    def _blueprint(self) -> Blueprint:
        return Blueprint(
            layout=self.layout,
            tree=self.tree,
            folder=self.folder,
            ports=self.ports,
            durable=self.durable,
            drive=self._drive,
        )

    def _launch(self, service: Service) -> ProcessIdentity:
        process = service.launch()
        state = self._require_state().with_process(service.name, process)
        state.save(self.folder / "state.json")
        return process

    def _require_state(self) -> State:
        state = self.state
        if state is None:
            raise DevtoolsError(f"instance {self.name} does not exist yet")
        return state

    def _save(self, **changes: object) -> None:
        state = replace(self._require_state(), **changes)  # type: ignore[arg-type]
        state.save(self.folder / "state.json")

    def _forget(self, names: Iterable[str]) -> None:
        state = self._require_state()
        for name in names:
            state = state.with_process(name, None)
        state.save(self.folder / "state.json")


def sweep(layout: Layout) -> list[str]:
    """End and delete test instances whose owner is gone; answers their names."""
    swept = []
    for folder in sorted(layout.run.glob(".new-test-*")):
        if identify(int(folder.name.rpartition("-")[2])) is None:
            shutil.rmtree(folder)
    for folder in sorted(layout.run.glob("test-*")):
        state = State.load(folder / "state.json")
        if state is not None and state.owner is not None and state.owner.alive:
            continue
        Instance(folder.name, layout=layout, ports=Ports()).delete()
        swept.append(folder.name)
    return swept
