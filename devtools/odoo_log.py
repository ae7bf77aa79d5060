"""Odoo's log: no WARNING or ERROR passes unseen, but for a reviewed list."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_LINE = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \d+ "
    r"(?P<level>[A-Z]+) (?P<database>\S+) (?P<logger>\S+): (?P<message>.*)$"
)
_PROBLEMS = {"WARNING", "ERROR", "CRITICAL"}
_REVIEWED = Path(__file__).parent / "data" / "odoo_log_allowed.toml"


@dataclass(frozen=True)
class Allowance:
    """A line that is known and harmless.

    :param logger: name of the logger it comes from.
    :param pattern: regular expression found in its message.
    :param reason: why it may stay.
    """

    logger: str
    pattern: str
    reason: str

    def covers(self, logger: str, message: str) -> bool:
        """Whether this is the line meant."""
        return logger == self.logger and re.search(self.pattern, message) is not None


@lru_cache(maxsize=1)
def reviewed() -> tuple[Allowance, ...]:
    """The reviewed list."""
    with _REVIEWED.open("rb") as file:
        return tuple(Allowance(**entry) for entry in tomllib.load(file)["allow"])


def find_problems(text: str) -> list[str]:
    """The WARNING, ERROR and CRITICAL lines of a log that nobody has reviewed.

    A traceback behind such a line is kept with it.
    """
    problems: list[str] = []
    keeping = False
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is not None:
            keeping = found["level"] in _PROBLEMS and not any(
                entry.covers(found["logger"], found["message"]) for entry in reviewed()
            )
        if keeping:
            problems.append(line)
    return problems
