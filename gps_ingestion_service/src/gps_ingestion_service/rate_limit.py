"""How often somebody may do something, counted in this process alone."""

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

_SECOND = 1_000_000_000


class RateLimit:
    """``burst`` times at once, and ``per_s`` times a second in the long run, by key.

    The generic cell rate algorithm (ITU-T I.371): one number a key, the time at which
    all that it did would be due at the even rate. At most ``most_keys`` are held; the
    one that was quiet for longest is forgotten first. ``per_s`` 0 means no limit.
    """

    def __init__(
        self,
        per_s: float,
        burst: int,
        most_keys: int = 100_000,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        # Whole nanoseconds: sums of fractions would miss the burst by one.
        self._interval = round(_SECOND / per_s) if per_s else 0
        self._ahead = self._interval * (burst - 1)
        self._most_keys = most_keys
        self._clock = clock
        self._due: OrderedDict[str, int] = OrderedDict()

    def take(self, key: str = "") -> float:
        """Do it once more: 0 where that is allowed, else the seconds to wait first."""
        if not self._interval:
            return 0.0
        now = self._clock()
        due = max(self._due.get(key, now), now)
        wait = due - now - self._ahead
        if wait > 0:
            return wait / _SECOND
        self._due[key] = due + self._interval
        self._due.move_to_end(key)
        if len(self._due) > self._most_keys:
            self._due.popitem(last=False)
        return 0.0


def network_of(address: str) -> str:
    """Whom an address stands for: an IPv6 customer has a /64 of them."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> 64 << 64))
