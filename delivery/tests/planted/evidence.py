"""What each case showed, asserted at once and kept for the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from delivery.runner.components import Component
from planted.outcome import Outcome, Place

HEAD = "| case | pipeline | job | step | later jobs | production's digest | twin |"
RULE = "|---|---|---|---|---|---|---|"


@dataclass
class Evidence:
    """The table of planted cases."""

    rows: list[str] = field(default_factory=list)

    def fails(
        self,
        case: str,
        component: Component,
        planted: Outcome,
        place: Place,
        twin: Outcome,
    ) -> None:
        """Assert that a run ended at ``place`` and changed nothing in production.

        :param place: job and step.
        :param twin: the same without the plant, in which that step is green.
        """
        assert planted.failure == place, planted.told
        assert planted.jobs_after(place[0]) == []
        assert planted.left_production(component)
        assert twin.passed(place), twin.told
        told = (planted.production(component), twin.colour(place))
        self._add(case, component, *place, "none", *told)

    def passes(
        self, case: str, component: Component, planted: Outcome, place: Place
    ) -> None:
        """Assert that a run succeeded to its end, with ``place`` in it."""
        self._succeeds(planted, place)
        later = _all(planted.colour(place))
        self._add(case, component, *place, later, "the new target", "-")

    def checks(
        self, case: str, component: Component, checked: Outcome, place: Place
    ) -> None:
        """Assert that a run that deploys nothing succeeded, with ``place`` in it."""
        self._succeeds(checked, place)
        assert checked.left_production(component)
        told = (_all(checked.colour(place)), checked.production(component))
        self._add(case, component, *place, *told, "-")

    def _succeeds(self, outcome: Outcome, place: Place) -> None:
        assert outcome.run.passed, outcome.told
        assert outcome.passed(place), outcome.told

    def _add(self, case: str, component: Component, *cells: str) -> None:
        pipeline = component.workflow.removesuffix(".yml")
        self.rows.append(f"| {' | '.join((case, pipeline, *cells))} |")

    def write(self, path: Path) -> list[str]:
        """Write the table and return its lines."""
        lines = [HEAD, RULE, *self.rows]
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "\n".join(["# Planted cases", "", *lines])
        path.write_text(f"{text}\n", encoding="utf-8")
        return lines


def _all(colour: str) -> str:
    """The cell about the jobs of a run that succeeded."""
    return colour.replace("passes", "all green")
