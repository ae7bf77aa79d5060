"""Watches over a running instance: what dies is reported and brought back."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from devtools.errors import DevtoolsError
from devtools.processes import last_lines
from devtools.services import Service

CHECK_INTERVAL_S = 1.0
HEALTH_INTERVAL_S = 15.0
MAX_RESTARTS, WITHIN_S = 5, 300.0
# The system is of use without these; without any other it is not.
DISPENSABLE = frozenset({"simulator"})


class Watched(Protocol):
    """What the supervisor needs of an instance."""

    def is_running(self, name: str) -> bool:
        """Whether the process of a service runs."""

    def is_healthy(self, name: str) -> bool:
        """Whether a service does its work."""

    def start_service(self, name: str) -> None:
        """Start a service that is down."""

    def service(self, name: str) -> Service:
        """Description of a service."""


class Supervisor:
    """Restarts services that die, a bounded number of times.

    :param services: what has to run, each after what it depends on.
    :param say: shows a line to the user.
    :param clock: seconds, ever growing.
    """

    def __init__(
        self,
        instance: Watched,
        services: tuple[str, ...],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._instance = instance
        self._services = list(services)
        self._say = say
        self._clock = clock
        self._attempts: dict[str, deque[float]] = {s: deque() for s in services}
        self._errors: dict[str, str] = {}
        self._down: set[str] = set()
        self._sick: set[str] = set()
        self._next_health = clock() + HEALTH_INTERVAL_S

    def watch(self) -> None:
        """Check until interrupted.

        :raises DevtoolsError: when a service that is needed cannot be brought back.
        """
        pause = threading.Event()
        while not pause.wait(CHECK_INTERVAL_S):
            self.check()

    def check(self) -> None:
        """Look once at every service.

        :raises DevtoolsError: when a service that is needed cannot be brought back.
        """
        for name in list(self._services):
            if not self._instance.is_running(name):
                self._bring_back(name)
        if self._clock() >= self._next_health:
            self._next_health = self._clock() + HEALTH_INTERVAL_S
            self._check_health()

    def _bring_back(self, name: str) -> None:
        if name not in self._down:
            self._down.add(name)
            self._tell_end(name)
        now, times = self._clock(), self._attempts[name]
        while times and now - times[0] > WITHIN_S:
            times.popleft()
        # Whatever it depends on may just have died as well: wait longer each time.
        if times and now - times[-1] < len(times) * CHECK_INTERVAL_S:
            return
        if len(times) == MAX_RESTARTS:
            self._give_up(name, f"{MAX_RESTARTS} attempts within {WITHIN_S:g} s")
            return
        times.append(now)
        try:
            self._instance.start_service(name)
        except DevtoolsError as error:
            self._errors[name] = str(error)
            self._say(f"{name} could not be started again: {error}")
            return
        self._down.discard(name)
        self._say(f"{name} was started again")

    def _tell_end(self, name: str) -> None:
        log = self._instance.service(name).log
        self._say(f"{name} ended unexpectedly; the end of {log}:")
        for line in last_lines(log, 10):
            self._say(f"    {line[:200]}")

    def _give_up(self, name: str, effort: str) -> None:
        reason = self._errors.get(name, "it ended again and again")
        if name not in DISPENSABLE:
            raise DevtoolsError(f"{name} is down after {effort}", reason)
        self._services.remove(name)
        self._say(f"{name} stays down after {effort}: {reason}")

    def _check_health(self) -> None:
        for name in [s for s in self._services if s not in self._down]:
            healthy = self._instance.is_healthy(name)
            if not healthy and name not in self._sick:
                self._sick.add(name)
                log = self._instance.service(name).log
                self._say(f"{name} runs but does not answer as it should, see {log}")
            elif healthy and name in self._sick:
                self._sick.discard(name)
                self._say(f"{name} answers again")
