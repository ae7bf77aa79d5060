"""The commands about the developer's own instance: run, stop, status, reset."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from devtools.blueprint import DriveOptions
from devtools.environment import clean_environment
from devtools.errors import DevtoolsError
from devtools.instance import Instance
from devtools.layout import Layout
from devtools.ports import LOOPBACK, Ports
from devtools.processes import last_lines
from devtools.provision import FRESH_DATA_S, provision
from devtools.run_lock import RunLock
from devtools.services import NAMES
from devtools.state import State
from devtools.supervisor import Supervisor

NAME = "dev"
DAY_S = 24 * 3600.0


def run(layout: Layout, options: argparse.Namespace) -> int:
    """Start the instance; stay with it until interrupted, or not (``--detach``)."""
    with _lock(layout) as lock:
        instance = Instance(NAME, layout=layout, report=_show)
        if options.lock_fd is not None:
            lock.adopt(options.lock_fd)
        elif not lock.take():
            return _tell_of_other(instance, lock)
        start = time.monotonic()
        if options.ready_fd is None:
            _end_leftovers(instance)
            _check_ports()
            provision(layout, with_tests=False, fresh_data=not instance.exists)
        if options.detach:
            return _detach(layout, lock, options.no_simulator)
        return _stay(instance, options, start)


def _lock(layout: Layout) -> RunLock:
    return RunLock(layout.run / f"{NAME}.lock")


def _tell_of_other(instance: Instance, lock: RunLock) -> int:
    """Say in one line that another ``run`` is there, and how to get in if one can."""
    state, holder = instance.state, lock.holder
    pid = holder.pid if holder is not None else "?"
    if state is None or state.owner is None or not state.owner.alive:
        raise DevtoolsError(
            f"another `make run` (pid {pid}) is setting up",
            "wait for it, or end it with `make stop`",
        )
    print(f"it is running already (pid {pid})")
    _print_lines(_access(instance))
    return 0


def _stay(instance: Instance, options: argparse.Namespace, start: float) -> int:
    with instance:
        try:
            instance.start(drive=None if options.no_simulator else DriveOptions())
            _announce(instance, options.ready_fd, time.monotonic() - start)
            services = NAMES if not options.no_simulator else NAMES[:-1]
            Supervisor(instance, services, _say_with_time).watch()
        except KeyboardInterrupt:
            print("\nstopping ...", flush=True)
        finally:
            # A second Ctrl-C must not leave half of it running.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            instance.stop()
    kept = " starts it again with its data" if instance.exists else " begins anew"
    print(f"stopped; `make run`{kept}")
    return 0


def _announce(instance: Instance, ready_fd: int | None, seconds: float) -> None:
    if ready_fd is not None:
        with os.fdopen(ready_fd, "w") as ready:
            ready.write("ready")
        return
    print(f"started in {seconds:.1f} s\n")
    _print_lines(_access(instance))
    print("\nCtrl-C ends it, so does `make stop` in another terminal", flush=True)


def _detach(layout: Layout, lock: RunLock, no_simulator: bool) -> int:
    """Start a process that stays with the instance, and wait until all works."""
    log = layout.run / "dev-supervisor.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "devtools", "run"]
    command += [f"--ready-fd={writing}", f"--lock-fd={lock.descriptor}"]
    command += ["--no-simulator"] if no_simulator else []
    kept = {k: v for k, v in os.environ.items() if k.startswith("TMS_")}
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=clean_environment(kept),
            cwd=layout.root,
            pass_fds=[writing, lock.descriptor],
            start_new_session=True,
        )
    os.close(writing)
    try:
        with os.fdopen(reading) as ready:
            answer = ready.read()
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        raise
    if answer != "ready":
        child.wait()
        raise DevtoolsError("it did not start", f"see {log}", last_lines(log))
    child.returncode = 0  # it goes on by itself
    _print_lines(_access(Instance(NAME, layout=layout)))
    print("\nruns in the background; `make stop` ends it")
    return 0


def stop(layout: Layout, options: argparse.Namespace) -> int:
    """End everything that runs of the instance, or its setting up."""
    with _lock(layout) as lock:
        was_running = _end(Instance(NAME, layout=layout), lock)
    print("stopped" if was_running else "nothing was running")
    return 0


def _end(instance: Instance, lock: RunLock) -> bool:
    """End the ``run`` that holds the lock, which ends the rest; then what is left."""
    had = lock.take_from_holder()
    left = any(map(instance.is_running, NAMES))
    instance.stop()
    return had or left


def reset(layout: Layout, options: argparse.Namespace) -> int:
    """End the instance and delete it with its data."""
    with _lock(layout) as lock:
        instance = Instance(NAME, layout=layout)
        _end(instance, lock)
        instance.delete()
        (layout.run / "dev-supervisor.log").unlink(missing_ok=True)
    print("deleted; `make run` makes a new one with fresh demo data")
    return 0


def status(layout: Layout, options: argparse.Namespace) -> int:
    """Show each process, how to get in, and how old the data is."""
    instance = Instance(NAME, layout=layout)
    state = instance.state
    if state is None:
        holder = _lock(layout).holder
        print(
            f"`make run` (pid {holder.pid}) is setting up"
            if holder is not None
            else "there is no instance yet; `make run` makes one"
        )
        return 0
    owner = state.owner if state.owner is not None and state.owner.alive else None
    print(f"watched over by pid {owner.pid}" if owner else "not running")
    ports = {"postgres": state.ports.postgres, "odoo": state.ports.odoo}
    ports["gps"] = state.ports.gps
    for name in NAMES:
        process = instance.process(name)
        health = "down"
        if process is not None:
            health = "healthy" if instance.is_healthy(name) else "NOT ANSWERING"
        pid = process.pid if process is not None else "-"
        print(f"  {name:10} pid {pid:<8} port {ports.get(name, '-'):<6} {health}")
    _print_lines(_access(instance))
    return 0


def _access(instance: Instance) -> Iterator[str]:
    """URLs, logins, logs and the age of the data, for people."""
    yield f"  Live map      {instance.urls.odoo}/odoo/live-map"
    yield f"  Odoo          {instance.urls.odoo}"
    yield f"  GPS service   {instance.urls.gps}"
    ports = instance.ports
    yield f"  trackers      {LOOPBACK}:{ports.teltonika} (Teltonika)"
    yield f"                {LOOPBACK}:{ports.gt06} (GT06)"
    yield f"  PostgreSQL    {LOOPBACK}:{ports.postgres}"
    yield "  logins"
    for login, password in instance.passwords.items():
        yield f"    {login:12}{password}"
    yield f"  logs          {instance.folder / 'logs'}"
    yield f"  secrets       {instance.folder / 'secrets.json'}"
    state = instance.state
    if state is not None:
        yield from _age(state)


def _age(state: State) -> Iterator[str]:
    days = (time.time() - state.data_from) / DAY_S
    if days * DAY_S > FRESH_DATA_S:
        yield f"  demo data is {days:.0f} days old; `make reset` makes it fresh"


def _check_ports() -> None:
    ports = Ports.from_environment()
    for service in Ports.VARIABLES:
        ports.require_free(service)


def _end_leftovers(instance: Instance) -> None:
    """End what an earlier run left when it was killed itself."""
    left = [name for name in NAMES if instance.is_running(name)]
    if left:
        print(f"an earlier run was killed; ending what it left: {', '.join(left)}")
        instance.stop()


def _print_lines(lines: Iterator[str]) -> None:
    for line in lines:
        print(line, flush=True)


def _show(text: str) -> None:
    print(f"        {text}", flush=True)


def _say_with_time(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
