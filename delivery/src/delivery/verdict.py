"""How a gate ends.

Three ends, not two: a gate that could not look is neither clean nor failed. Whether NOT
CHECKED stops a pipeline is decided where the pipeline runs, never inside the gate.
"""

from dataclasses import dataclass
from enum import Enum

# Findings beyond these are counted: the deciding line must stay in sight.
MAX_DETAILS = 20


class Outcome(Enum):
    """End of a gate; the value is the exit status (2 is kept for wrong usage)."""

    CLEAN = 0
    FAILED = 1
    NOT_CHECKED = 3

    @property
    def label(self) -> str:
        """The outcome as it is printed."""
        return self.name.replace("_", " ")


@dataclass(frozen=True)
class Verdict:
    """Outcome of a gate.

    :param reason: one line for whoever reads the log.
    :param details: one line for each finding.
    """

    outcome: Outcome
    reason: str
    details: tuple[str, ...] = ()

    def render(self, gate: str) -> str:
        """All lines to print, the deciding one last."""
        lines = [f"  {line}" for line in self.details[:MAX_DETAILS]]
        if len(self.details) > MAX_DETAILS:
            lines.append(f"  and {len(self.details) - MAX_DETAILS} more")
        return "\n".join([*lines, f"{gate}: {self.outcome.label}: {self.reason}"])
