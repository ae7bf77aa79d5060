"""What differs between two snapshots, and putting back what the platform changed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from delivery.platform.commands import run
from delivery.platform.snapshot import Snapshot

#: Settings that the kubelet and the engine write without putting them back.
OUR_SYSCTLS = (
    "kernel.keys.root_maxbytes",
    "kernel.keys.root_maxkeys",
    "kernel.panic",
    "kernel.panic_on_oops",
    "net.ipv4.ip_forward",
    "vm.overcommit_memory",
    "vm.panic_on_oom",
)
#: Settings of one interface: they come and go with it.
INTERFACE_SYSCTLS = re.compile(r"net\.ipv[46]\.(conf|neigh)\.")
#: What tells a rule of the engine from rules of others.
OUR_RULES = re.compile(r"\bDOCKER(-[A-Z0-9-]+)?\b|\bdocker0\b")
#: Control groups of pods, of the engine's containers and of its image builds.
OUR_CGROUPS = ("kubepods", "tms-engine", "docker", "buildkit")


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was."""

    kind: str
    text: str

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.kind}: {self.text}"


def compare(before: Snapshot, after: Snapshot) -> list[Difference]:
    """Return what differs, sorted by kind.

    Of processes and control groups only those of the platform count: those of
    other people come and go.
    """
    found = [
        Difference("process", f"{after.processes[pid]} is still there")
        for pid in after.ours
        if before.processes.get(pid) != after.processes[pid]
    ]
    for kind in ("mounts", "namespaces", "interfaces", "routes"):
        found += _lists(kind, getattr(before, kind), getattr(after, kind))
    found += _lists("cgroups", _our_groups(before), _our_groups(after))
    found += _lists("firewall", _rules(before), _rules(after))
    return found + list(_sysctls(before.sysctls, after.sysctls))


def unrelated_processes(before: Snapshot, after: Snapshot) -> tuple[int, int]:
    """Return how many processes of others started and ended in between."""
    started = [
        pid
        for pid, text in after.processes.items()
        if before.processes.get(pid) != text and pid not in after.ours
    ]
    ended = [
        pid
        for pid, text in before.processes.items()
        if after.processes.get(pid) != text
    ]
    return len(started), len(ended)


def _lists(kind: str, before: Iterable[str], after: Iterable[str]) -> list[Difference]:
    old, new = Counter(before), Counter(after)
    added = [Difference(kind, f"{text} was added") for text in (new - old).elements()]
    gone = [Difference(kind, f"{text} is gone") for text in (old - new).elements()]
    return sorted(added + gone, key=str)


def _sysctls(
    before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[Difference]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        # The interface that came or went is told as such, once.
        of_interface = INTERFACE_SYSCTLS.match(name) and None in (old, new)
        if old != new and not of_interface:
            yield Difference("sysctl", f"{name} was {old}, is {new}")


def _our_groups(snapshot: Snapshot) -> list[str]:
    return [
        group
        for group in snapshot.cgroups
        if any(part in OUR_CGROUPS for part in group.split("/"))
    ]


def _rules(snapshot: Snapshot) -> Iterator[str]:
    for table, chains in snapshot.firewall.items():
        for name, (policy, *rules) in chains.items():
            yield f"{table}: chain {name} {policy}"
            for rule in rules:
                yield f"{table}: {rule}"


def firewall_removals(before: Snapshot, after: Snapshot) -> list[list[str]]:
    """Return the commands that take the engine's rules out of the firewall.

    Only what was not there before and bears the engine's names is touched: rules
    first, then the chains that they jumped to.
    """
    commands: list[list[str]] = []
    chains_to_go: list[list[str]] = []
    for place, chains in after.firewall.items():
        program, table = place.split()
        old = before.firewall.get(place, {})
        for name, (policy, *rules) in chains.items():
            new_rules = Counter(rules) - Counter(old.get(name, ["-"])[1:])
            if policy == "-" and name not in old and OUR_RULES.search(name):
                chains_to_go.append([program, "-t", table, "-X", name])
                commands.append([program, "-t", table, "-F", name])
                continue
            for rule in new_rules.elements():
                if OUR_RULES.search(rule):
                    words = _words(rule)
                    commands.append([program, "-t", table, "-D", *words[1:]])
    return commands + chains_to_go


def _words(rule: str) -> list[str]:
    """Split a rule as iptables-save prints it; only comments are quoted."""
    return [
        quoted or plain
        for quoted, plain in re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', rule)
    ]


def sysctl_restorations(before: Snapshot, after: Snapshot) -> dict[str, str]:
    """Return the settings that the platform's programs changed, as they were."""
    return {
        name: before.sysctls[name]
        for name in OUR_SYSCTLS
        if name in before.sysctls and before.sysctls[name] != after.sysctls.get(name)
    }


def restore(before: Snapshot, after: Snapshot) -> None:
    """Put back what the platform changed and no program of it puts back."""
    for command in firewall_removals(before, after):
        run(command, purpose="removing the engine's firewall rules")
    for name, value in sysctl_restorations(before, after).items():
        path = Path("/proc/sys", *name.split("."))
        path.write_text(value, encoding="utf-8")
