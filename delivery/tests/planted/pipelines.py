"""Starts the pipelines on this machine, as a push, by hand, or to roll back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from delivery.pipeline.approval import Decision, Request
from delivery.pipeline.releases import LocalReleases, deployed_commits
from delivery.platform.local import LocalPlatform
from delivery.runner import addresses
from delivery.runner.act import Order, new_folder, run_workflow
from delivery.runner.approvals import Approver, Scripted
from delivery.runner.build_inputs import build_options
from delivery.runner.components import COMPONENTS, ODOO, Component
from delivery.runner.machine import Machine
from delivery.runner.source import git
from planted.checkout import Checkout
from planted.cluster import Cluster
from planted.outcome import Outcome

# Who starts every run, and therefore may approve none.
ACTOR = "planted-cases"
APPROVER = "devops-lead"
BRANCH = "refs/heads/planted"
MAIN = "refs/heads/main"
PULL_REQUEST = "refs/pull/1/merge"
QUEUE = "refs/heads/gh-readonly-queue/main/pr-1-planted"
approve = Scripted(APPROVER)
refuse = Scripted(APPROVER, "rejected")


def approve_another(request: Request, over: Event) -> Decision:
    """A yes that names another image."""
    return replace(approve(request, over), digest=f"sha256:{'ab' * 32}")


@dataclass(frozen=True)
class Pipelines:
    """Runs of the workflow files on the local platform.

    :param folder: for runs and release records.
    :param served: variables that make the dependency audit ask served records.
    :param odoo_home: gives the folder of an unpacked Odoo, for the addon's image.
    """

    machine: Machine
    platform: LocalPlatform
    cluster: Cluster
    folder: Path
    served: Mapping[str, str]
    odoo_home: Callable[[], Path]

    def last_commits(self, component: Component) -> list[str | None]:
        """The commits that were deployed last, as the plan of a push sees them."""
        log = LocalReleases(self.folder / "releases")
        return deployed_commits(log, component.name)

    def environment(self) -> dict[str, str]:
        """What every step finds, unless a case changes it."""
        return {
            **self.machine.environment(),
            **self.served,
            "RELEASES_DIR": str(self.folder / "releases"),
            # Nobody waits longer for a decision that does not come.
            "APPROVAL_TIMEOUT_S": "120",
            # No scanner here has data of its own; the registry's findings still count.
            "ACCEPT_UNCHECKED": "image",
            "ROLLOUT_OPTIONS": "--timeout=300s",
            "RETRY_BASE_S": "1",
        }

    def push(
        self,
        checkout: Checkout,
        component: Component,
        approver: Approver | None = None,
        changes: Mapping[str, str] | None = None,
    ) -> Outcome:
        """A push to main: all stages."""
        options = {"EXTRA_BUILD_OPTIONS": self._build_options(component)}
        order = self._order(checkout, component, {**options, **(changes or {})})
        return self._run(order, approver)

    def by_hand_on_main(
        self,
        checkout: Checkout,
        component: Component,
        approver: Approver,
        actor: str = ACTOR,
    ) -> Outcome:
        """By hand on main: all stages, with the image of a commit that has one."""
        order = self._order(checkout, component, {})
        order = replace(order, event="workflow_dispatch", actor=actor)
        return self._run(order, approver)

    def by_hand(
        self,
        checkout: Checkout,
        component: Component,
        changes: Mapping[str, str] | None = None,
    ) -> Outcome:
        """By hand on a branch: ends after Unit Test & Coverage."""
        order = self._order(checkout, component, changes or {})
        return self._run(replace(order, event="workflow_dispatch", ref=BRANCH))

    def pull_request(self, checkout: Checkout, component: Component) -> Outcome:
        """A pull request: the checks, and an image that nobody publishes."""
        order = self._order(
            checkout,
            component,
            {"EXTRA_BUILD_OPTIONS": self._build_options(component)},
        )
        base = {"sha": git(checkout.folder, "rev-parse", "HEAD^")}
        opened = {"number": 1, "pull_request": {"base": base}}
        order = replace(order, event="pull_request", ref=PULL_REQUEST, payload=opened)
        return self._run(order)

    def merge_group(self, checkout: Checkout, component: Component) -> Outcome:
        """A merge queue's try: the same as for a pull request."""
        order = self._order(
            checkout,
            component,
            {"EXTRA_BUILD_OPTIONS": self._build_options(component)},
        )
        tried = {"base_sha": git(checkout.folder, "rev-parse", "HEAD^")}
        payload = {"merge_group": tried}
        order = replace(order, event="merge_group", ref=QUEUE, payload=payload)
        return self._run(order)

    def tag(self, checkout: Checkout, component: Component, version: str) -> Outcome:
        """A version tag: all stages, with the image of a commit that has one."""
        order = self._order(
            checkout,
            component,
            {"EXTRA_BUILD_OPTIONS": self._build_options(component)},
        )
        return self._run(replace(order, ref=f"refs/tags/{version}"), approve)

    def scan_again(self, checkout: Checkout, component: Component) -> Outcome:
        """The daily scan of what is deployed."""
        order = self._order(checkout, component, {})
        return self._run(replace(order, workflow="rescan.yml", event="schedule"))

    def roll_back(
        self, checkout: Checkout, component: Component, target: str
    ) -> Outcome:
        """Roll production back to ``target``, with an approval."""
        order = replace(
            self._order(checkout, component, {}),
            workflow="rollback.yml",
            event="workflow_dispatch",
            inputs={"component": component.name, "target": target},
        )
        return self._run(order, approve)

    def _order(
        self, checkout: Checkout, component: Component, changes: Mapping[str, str]
    ) -> Order:
        return Order(
            source=checkout.folder,
            workflow=component.workflow,
            ref=MAIN,
            actor=ACTOR,
            variables=self._variables(checkout),
            environment={**self.environment(), **changes},
            # What a case deploys, no other run may move under it.
            group=component.name,
        )

    def _variables(self, checkout: Checkout) -> dict[str, str]:
        kubectl = self.cluster.kubectl
        urls = {
            component.url_variable: addresses.staging_address(
                self.platform, kubectl, component, checkout.folder
            )
            for component in COMPONENTS
        }
        named = ("AWS_REGION", "ECR_REGISTRY")
        return {**urls, **{name: self.machine.platform[name] for name in named}}

    def _build_options(self, component: Component) -> str:
        image = ""
        if component is ODOO:
            image = self.platform.odoo_image(self.odoo_home())
        return build_options(self.machine.environment(), self.folder, image)

    def _run(self, order: Order, approver: Approver | None = None) -> Outcome:
        before = self.cluster.production()
        folder = new_folder(self.folder / "runs")
        run = run_workflow(self.machine, order, folder, approver)
        return Outcome(run, before, self.cluster.production())
