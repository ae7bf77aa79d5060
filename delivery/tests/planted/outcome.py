"""What a run of a pipeline came to, and what production ran before and after it."""

from __future__ import annotations

from dataclasses import dataclass

from delivery.runner.components import Component
from delivery.runner.results import Run, Step

# The check that branch protection requires runs whatever happens; it does no work.
ALWAYS_RUNS = " required"
Place = tuple[str, str]
Digests = dict[str, dict[str, set[str]]]


@dataclass(frozen=True)
class Outcome:
    """A run between two looks at production.

    :param before: digests by component and workload.
    """

    run: Run
    before: Digests
    after: Digests

    def step(self, place: Place) -> Step | None:
        """The step of that job and name, None where it did not run."""
        job = self.run.job(place[0])
        steps = job.steps if job else ()
        return next((step for step in steps if step.name == place[1]), None)

    def passed(self, place: Place) -> bool:
        """Whether that step ran and ended well."""
        step = self.step(place)
        return step is not None and step.passed

    def log(self, place: Place) -> str:
        """What that step printed; empty where it did not run."""
        step = self.step(place)
        return step.log.read_text(encoding="utf-8") if step else ""

    @property
    def failure(self) -> Place:
        """Job and step that failed first; empty names where none did."""
        for job in self.run.failed_jobs:
            if job.failed_step:
                return job.name, job.failed_step.name
        return "", ""

    def jobs_after(self, name: str) -> list[str]:
        """Jobs that started after one, the one that always runs left out."""
        names = [job.name for job in self.run.jobs]
        later = names[names.index(name) + 1 :]
        return [later_job for later_job in later if not later_job.endswith(ALWAYS_RUNS)]

    def left_production(self, component: Component) -> bool:
        """Whether the component runs there what it did; others may be released."""
        return self.after.get(component.name) == self.before.get(component.name)

    def production(self, component: Component) -> str:
        """For a run that left production as it was: what there was to leave."""
        return "unchanged" if self.before.get(component.name) else "nothing deployed"

    def colour(self, place: Place) -> str:
        """How a step that passed did: a gate that could not look is no green one."""
        step = self.step(place)
        unchecked = step is not None and step.outputs.get("unchecked")
        return "passes, NOT CHECKED accepted" if unchecked else "passes"

    @property
    def told(self) -> str:
        """Every step and the end of the failed one's log, for a person."""
        steps = [
            f"{job.name} / {step.name}: {step.conclusion.value}"
            for job in self.run.jobs
            for step in job.steps
        ]
        log = self.log(self.failure).splitlines()[-40:]
        return "\n".join([*steps, *log, f"all of it: {self.run.folder}"])
