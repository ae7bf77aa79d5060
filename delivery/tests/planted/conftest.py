"""The platform, the runs that several cases share, and the table at the end."""

from __future__ import annotations

import itertools
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from delivery.platform.errors import PlatformError
from delivery.platform.kubectl import Kubectl
from delivery.platform.layout import Layout, Network
from delivery.platform.local import LocalPlatform
from delivery.platform.steps import Steps
from delivery.runner.advisories import served
from delivery.runner.components import Component
from delivery.runner.machine import Machine
from planted import plants
from planted.checkout import ROOT, Checkout
from planted.cluster import Cluster
from planted.evidence import Evidence
from planted.faults import advisory
from planted.outcome import Outcome
from planted.pipelines import Pipelines, approve

TABLE = ROOT / "reports" / "planted-cases.md"
EVIDENCE = pytest.StashKey[Evidence]()
MakeCheckout = Callable[[], Checkout]
Twin = Callable[[Component], Outcome]


@pytest.fixture(scope="session")
def platform() -> LocalPlatform:
    """The local platform; brought up where it is not."""
    layout = Layout.of_checkout(ROOT, os.environ)
    network = Network.from_environment(os.environ)
    local = LocalPlatform(layout, network, os.environ, Steps())
    try:
        local.up()
    except PlatformError as error:
        pytest.exit(str(error), 2)
    return local


@pytest.fixture(scope="session")
def work() -> Path:
    """Folder of everything that the session makes; what an earlier one made goes."""
    folder = ROOT / "reports" / "planted"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
def machine(platform: LocalPlatform) -> Machine:
    """What this machine gives to a run, once the platform is up."""
    return Machine.of_checkout(ROOT, os.environ)


@pytest.fixture(scope="session")
def cluster(machine: Machine) -> Cluster:
    return Cluster(Kubectl(Path(machine.platform["KUBECONFIG"])))


@pytest.fixture(scope="session")
def pipelines(
    machine: Machine, platform: LocalPlatform, cluster: Cluster, work: Path
) -> Iterator[Pipelines]:
    """The pipelines, with one advisory served that affects nothing locked here."""
    with served(advisory(work / "advisories", "fastapi", "0.0.1")) as records:
        yield Pipelines(machine, platform, cluster, work, records, odoo_home)


def odoo_home() -> Path:
    """Folder of an unpacked Odoo."""
    named = os.environ.get("ODOO_HOME")
    if not named:
        pytest.exit("set ODOO_HOME to the folder of an unpacked Odoo", 2)
    return Path(named)


@pytest.fixture(scope="session")
def make_checkout(work: Path) -> MakeCheckout:
    """Makes scratch clones of this repository's HEAD."""
    numbers = itertools.count(1)

    def make() -> Checkout:
        return Checkout.make(work / f"checkout-{next(numbers)}")

    return make


@pytest.fixture
def checkout(make_checkout: MakeCheckout) -> Checkout:
    """A scratch clone, to plant something in."""
    return make_checkout()


@pytest.fixture(scope="session")
def unplanted(make_checkout: MakeCheckout) -> Checkout:
    """A scratch clone without a fault.

    Its commit is its own: of a commit that has an image already, none would be pushed.
    """
    clone = make_checkout()
    clone.plant(plants.harmless(f"twin {uuid.uuid4().hex}"))
    return clone


@pytest.fixture(scope="session")
def released(pipelines: Pipelines, unplanted: Checkout) -> Twin:
    """The green run of a component that ends in production, made once."""

    @cache
    def run(component: Component) -> Outcome:
        done = pipelines.push(unplanted, component, approve)
        assert done.run.passed, done.told
        return done

    return run


@pytest.fixture(scope="session")
def twin(
    request: pytest.FixtureRequest,
    pipelines: Pipelines,
    unplanted: Checkout,
    released: Twin,
) -> Twin:
    """A green run of a component: the released one, where others need that too."""
    deploying = {
        component
        for item in request.session.items
        for marker in item.iter_markers("cluster")
        for component in marker.args
    }

    @cache
    def run(component: Component) -> Outcome:
        if component in deploying:
            return released(component)
        done = pipelines.by_hand(unplanted, component)
        assert done.run.passed, done.told
        return done

    return run


@pytest.fixture(scope="session")
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """Where a case writes its row."""
    found = Evidence()
    request.config.stash[EVIDENCE] = found
    return found


def digest_of(release: Outcome) -> str:
    """The digest of the image that a run went on with."""
    step = release.step(("Package & Scan Artifact", "Resolve the digest"))
    assert step, release.told
    return step.outputs["digest"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of what was shown."""
    evidence = terminalreporter.config.stash.get(EVIDENCE, None)
    if evidence is not None and evidence.rows:
        terminalreporter.section("planted cases")
        for line in evidence.write(TABLE):
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"written to {TABLE}")
