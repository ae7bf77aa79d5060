"""What a machine looks like from outside: taken before `up`, compared after `down`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from delivery.platform.commands import run
from delivery.platform.processes import MARK, start_ticks

#: Settings that are counters, or that the kernel changes by itself.
VOLATILE_SYSCTLS = (
    "fs.dentry-state",
    "fs.file-nr",
    "fs.inode-nr",
    "fs.inode-state",
    "fs.aio-nr",
    "fs.quota.",
    "kernel.ns_last_pid",
    "kernel.random.",
    "kernel.pty.nr",
    "kernel.perf_event_max_sample_rate",
    "kernel.seccomp.actions_logged",
    "net.netfilter.nf_conntrack_count",
)
Chains = dict[str, dict[str, list[str]]]


@dataclass(frozen=True)
class Snapshot:
    """The parts of a machine that the platform touches.

    `processes` maps process ids to start ticks and command line, `ours` names
    those that the platform started. `mounts` are mount points with their type,
    `firewall` rules by family and table, then chain (the policy comes first).
    """

    processes: dict[str, str] = field(default_factory=dict)
    ours: list[str] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)
    firewall: Chains = field(default_factory=dict)
    sysctls: dict[str, str] = field(default_factory=dict)
    cgroups: list[str] = field(default_factory=list)
    namespaces: list[str] = field(default_factory=list)
    interfaces: list[str] = field(default_factory=list)
    routes: list[str] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write it as JSON; the file is whole or not there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".part")
        new.write_text(json.dumps(asdict(self)), encoding="utf-8")
        new.rename(path)

    @classmethod
    def load(cls, path: Path) -> Snapshot:
        """Read what `save` wrote."""
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(**values)


def parse_mounts(mountinfo: str) -> list[str]:
    """Return `MOUNT POINT (type)` of every line of /proc/self/mountinfo, sorted."""
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        found.append(f"{before.split()[4]} ({after.split()[0]})")
    return sorted(found)


def parse_firewall(saved: str) -> Chains:
    """Return the rules of iptables-save output, by table and chain.

    A chain's first entry is its policy. Packet counters are dropped. An empty
    built-in chain that accepts everything is left out: it does nothing, and
    cannot be removed once a table was used.
    """
    tables: Chains = {}
    chains: dict[str, list[str]] = {}
    for line in saved.splitlines():
        if line.startswith("*"):
            chains = tables.setdefault(line[1:], {})
        elif line.startswith(":"):
            name, policy = line[1:].split()[:2]
            chains[name] = [policy]
        elif line.startswith("-A "):
            chains[line.split()[1]].append(line)
    kept = {
        table: {name: rules for name, rules in chains.items() if rules != ["ACCEPT"]}
        for table, chains in tables.items()
    }
    return {table: chains for table, chains in kept.items() if chains}


def is_volatile(name: str) -> bool:
    """Tell whether a setting changes without anybody setting it."""
    return name.startswith(VOLATILE_SYSCTLS)


def read_sysctls(top: Path = Path("/proc/sys")) -> dict[str, str]:
    """Return every readable kernel setting that is not volatile."""
    found = {}
    for folder, _, names in os.walk(top):
        for entry in names:
            path = Path(folder) / entry
            name = ".".join(path.relative_to(top).parts)
            if is_volatile(name):
                continue
            try:
                found[name] = path.read_text(encoding="utf-8", errors="replace").strip()
            except OSError:
                # Some settings can only be written.
                continue
    return found


def _processes(markers: Iterable[bytes]) -> tuple[dict[str, str], list[str]]:
    found, ours = {}, []
    wanted = tuple(markers)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        ticks = start_ticks(int(entry.name))
        try:
            command = (entry / "cmdline").read_bytes()
            origin = (entry / "environ").read_bytes() + (entry / "cgroup").read_bytes()
        except OSError:
            continue
        if ticks is None or not command:
            continue
        words = command.replace(b"\0", b" ").decode(errors="replace").strip()
        found[entry.name] = f"{ticks} {words[:120]}"
        if any(mark in origin for mark in wanted):
            ours.append(entry.name)
    return found, sorted(ours)


def _firewall() -> Chains:
    rules: Chains = {}
    for program in ("iptables", "ip6tables"):
        if shutil.which(f"{program}-save"):
            saved = run([f"{program}-save"], purpose="reading the firewall")
            for table, chains in parse_firewall(saved).items():
                rules[f"{program} {table}"] = chains
    return rules


def _cgroups() -> list[str]:
    top = Path("/sys/fs/cgroup")
    return sorted(
        str(Path(folder) / name) for folder, names, _ in os.walk(top) for name in names
    )


def _network() -> tuple[list[str], list[str], list[str]]:
    def ask(*words: str) -> list[Mapping[str, Any]]:
        text = run(["ip", "-json", *words], purpose="reading the network")
        entries: list[Mapping[str, Any]] = json.loads(text or "[]")
        return entries

    namespaces = sorted(entry["name"] for entry in ask("netns", "list"))
    interfaces = []
    for entry in ask("address", "show"):
        addresses = [
            f"{address['local']}/{address['prefixlen']}"
            for address in entry.get("addr_info", ())
        ]
        interfaces.append(f"{entry['ifname']} {' '.join(sorted(addresses))}".strip())
    routes = [
        f"{entry['dst']} via {entry.get('gateway', '-')} dev {entry.get('dev', '-')}"
        for entry in ask("route", "show", "table", "all")
    ]
    return namespaces, sorted(interfaces), sorted(routes)


def take(state: Path, cgroups: Iterable[str]) -> Snapshot:
    """Look at the machine.

    A process counts as ours when its environment carries the platform's mark for
    `state`, or when it is in one of `cgroups` (pods and containers).
    """
    markers = [f"{MARK}={state}\0".encode()]
    markers += [f"/{name}/".encode() for name in cgroups]
    processes, ours = _processes(markers)
    namespaces, interfaces, routes = _network()
    mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    return Snapshot(
        processes=processes,
        ours=ours,
        mounts=parse_mounts(mountinfo),
        firewall=_firewall(),
        sysctls=read_sysctls(),
        cgroups=_cgroups(),
        namespaces=namespaces,
        interfaces=interfaces,
        routes=routes,
    )
