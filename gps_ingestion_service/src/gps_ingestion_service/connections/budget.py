"""What everybody together may hold in memory."""

from prometheus_client import Gauge


class ByteBudget:
    """Bytes of bodies, frames and datagrams that came and are not answered yet.

    A row that waits for its commit belongs to one of them, so the queue of the group
    commit lies within the budget too.
    """

    def __init__(self, most: int, gauge: Gauge) -> None:
        self._most = most
        self.held = 0
        # Asked for when somebody looks: to set it each time would cost every request.
        gauge.set_function(lambda: self.held)

    def take(self, size: int) -> bool:
        """Hold ``size`` bytes more; False, and nothing is taken, where they are too
        many."""
        if self.held + size > self._most:
            return False
        self.held += size
        return True

    def give_back(self, size: int) -> None:
        """Bytes that :meth:`take` took are not held any more."""
        self.held -= size
