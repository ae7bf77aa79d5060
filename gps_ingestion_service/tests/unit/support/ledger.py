"""What senders were promised, and what the table says of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg

# A fix is known by its device id and its time, in milliseconds since 1970.
Key = tuple[str, int]


def key(device_id: str, time: datetime) -> Key:
    """What a fix is known by."""
    return device_id, round(time.timestamp() * 1000)


@dataclass
class Ledger:
    """Every promise of the service; ``refused`` and ``broken`` count attempts that were
    answered "keep it", or not answered at all."""

    sent: set[Key] = field(default_factory=set)
    acknowledged: set[Key] = field(default_factory=set)
    accepted: set[Key] = field(default_factory=set)
    accepted_again: int = 0
    refused: int = 0
    broken: int = 0

    def acknowledge(self, keys: Iterable[Key]) -> None:
        """The service said that these are stored."""
        self.acknowledged.update(keys)

    def accept(self, keys: Iterable[Key]) -> None:
        """It said that they were new to it, which each can be once."""
        for one in keys:
            self.accepted_again += one in self.accepted
            self.accepted.add(one)


@dataclass(frozen=True)
class Account:
    """Promises against rows. ``lost``: acknowledged and not stored. ``twice``: stored
    more than once, or called new more than once. ``invented``: stored and never sent.
    ``unanswered``: stored, with an answer that never arrived."""

    acknowledged: int
    stored: int
    lost: int
    twice: int
    invented: int
    unanswered: int
    refused: int
    broken: int

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in vars(self).items())

    def require_exactly_once(self) -> None:
        """Fail where a promise was broken."""
        assert self.acknowledged > 0, "nothing was acknowledged: nothing was tested"
        assert self.lost == self.twice == self.invented == 0, str(self)


async def account(ledger: Ledger, url: str) -> Account:
    """Compare the ledger with the fixes of its devices in that database."""
    devices = sorted({device_id for device_id, _ in ledger.sent})
    connection = await asyncpg.connect(url)
    try:
        records = await connection.fetch(
            "SELECT device_id, fix_time FROM fix JOIN device ON device.id = fix.device "
            "WHERE device_id = ANY($1)",
            devices,
        )
    finally:
        await connection.close()
    rows = [key(record["device_id"], record["fix_time"]) for record in records]
    stored = set(rows)
    return Account(
        acknowledged=len(ledger.acknowledged),
        stored=len(rows),
        lost=len(ledger.acknowledged - stored),
        twice=len(rows) - len(stored) + ledger.accepted_again,
        invented=len(stored - ledger.sent),
        unanswered=len(stored - ledger.acknowledged),
        refused=ledger.refused,
        broken=ledger.broken,
    )
