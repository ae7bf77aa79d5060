"""What dies is reported and brought back, a bounded number of times."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from devtools import supervisor
from devtools.errors import DevtoolsError
from devtools.services import NAMES
from devtools.supervisor import MAX_RESTARTS, WITHIN_S, Supervisor


class System:
    """Services that live, die and refuse to start as a test tells them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running = set(NAMES)
        self.healthy = set(NAMES)
        self.broken: set[str] = set()
        self.now = 0.0
        self.said: list[str] = []
        self.supervisor = Supervisor(self, NAMES, self.said.append, lambda: self.now)

    def is_running(self, name: str) -> bool:
        return name in self.running

    def is_healthy(self, name: str) -> bool:
        return name in self.healthy

    def start_service(self, name: str) -> None:
        if name in self.broken:
            raise DevtoolsError(f"{name} ended at once")
        self.running.add(name)

    def service(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(log=self.folder / f"{name}.log")

    def check_at(self, now: float) -> None:
        self.now = now
        self.supervisor.check()


@pytest.fixture
def system(tmp_path: Path) -> System:
    (tmp_path / "odoo.log").write_text("starting\nout of memory\n")
    return System(tmp_path)


def test_a_dead_service_is_reported_with_its_last_words_and_restarted(
    system: System,
) -> None:
    system.running.remove("odoo")
    system.check_at(1)
    assert system.running == set(NAMES)
    assert system.said[0].startswith("odoo ended unexpectedly")
    assert "    out of memory" in system.said
    assert system.said[-1] == "odoo was started again"


def test_a_start_that_fails_is_tried_again_later_and_later(system: System) -> None:
    system.running.remove("gps")
    system.broken.add("gps")
    attempts = []
    for second in range(10):
        before = len(system.said)
        system.check_at(second)
        if len(system.said) > before:
            attempts.append(second)
    assert attempts == [0, 1, 3, 6]
    system.broken.clear()
    system.check_at(10)
    assert system.said[-1] == "gps was started again"


def test_a_needed_service_that_stays_down_ends_everything(system: System) -> None:
    system.running.remove("postgres")
    system.broken.add("postgres")
    with pytest.raises(DevtoolsError) as ended:
        for second in range(100):
            system.check_at(second)
    assert str(ended.value) == (
        "postgres is down after 5 attempts within 300 s: postgres ended at once"
    )


def test_without_the_simulator_the_rest_goes_on(system: System) -> None:
    system.running.remove("simulator")
    system.broken.add("simulator")
    for second in range(100):
        system.check_at(second)
    assert system.said[-1] == (
        "simulator stays down after 5 attempts within 300 s: simulator ended at once"
    )


def test_old_restarts_are_forgotten(system: System) -> None:
    for number in range(2 * MAX_RESTARTS):
        system.running.discard("odoo")
        system.check_at(number * WITHIN_S)
    assert "odoo" in system.running


def test_a_service_that_does_not_answer_is_reported_once_and_when_it_does_again(
    system: System,
) -> None:
    system.healthy.remove("odoo")
    for now in (20, 40, 60):
        system.check_at(now)
    assert len(system.said) == 1
    assert system.said[0].startswith("odoo runs but does not answer")
    system.healthy.add("odoo")
    system.check_at(80)
    assert system.said[1:] == ["odoo answers again"]


def test_watching_goes_on_until_something_cannot_be_helped(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "CHECK_INTERVAL_S", 0.0)
    system.running.remove("odoo")
    system.broken.add("odoo")
    with pytest.raises(DevtoolsError, match="odoo is down"):
        system.supervisor.watch()
