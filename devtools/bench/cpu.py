"""CPU time of processes: what a machine that does other things as well cannot blur."""

from __future__ import annotations

import os
from pathlib import Path

# Fields of /proc/PID/stat counted behind the command name, see proc(5).
_PARENT, _USER, _SYSTEM, _ENDED_USER, _ENDED_SYSTEM = 1, 11, 12, 13, 14


def cpu_seconds(pid: int) -> float:
    """CPU time that a process and all its children have used, ended ones included."""
    ticks = os.sysconf("SC_CLK_TCK")
    family = _family(pid)
    own = sum(fields[_USER] + fields[_SYSTEM] for fields in family.values())
    ended = sum(
        fields[_ENDED_USER] + fields[_ENDED_SYSTEM] for fields in family.values()
    )
    return (own + ended) / ticks


def _family(pid: int) -> dict[int, list[int]]:
    """The numbers of a process and its descendants that run now."""
    processes = {
        int(folder.name): fields
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and (fields := _fields(folder))
    }
    family = {pid} & set(processes)
    while True:
        children = {
            child
            for child, fields in processes.items()
            if fields[_PARENT] in family and child not in family
        }
        if not children:
            return {member: processes[member] for member in family}
        family |= children


def _fields(folder: Path) -> list[int]:
    try:
        text = (folder / "stat").read_text()
    except OSError:  # gone meanwhile
        return []
    # The first is a letter, the state.
    return [0, *map(int, text.rpartition(")")[2].split()[1:])]
