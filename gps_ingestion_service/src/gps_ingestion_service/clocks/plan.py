"""Which of many fixes can move to other times at once."""

from collections.abc import Container, Mapping
from datetime import datetime


def possible(
    moves: Mapping[datetime, datetime], taken: Container[datetime]
) -> dict[datetime, datetime]:
    """The moves after which still no two fixes of the device have one time.

    ``moves`` says where each fix is to go, to a time that is not its own; ``taken`` are
    those of these times that have a fix now. A fix that finds its time taken stays, and
    so does each that was to take its place.
    """
    claims: dict[datetime, datetime] = {}
    staying = []
    for old, new in sorted(moves.items()):
        if new in claims or (new in taken and new not in moves):
            staying.append(old)
        else:
            claims[new] = old
    while staying:
        claimant = claims.pop(staying.pop(), None)
        if claimant is not None:
            staying.append(claimant)
    return {old: new for new, old in claims.items()}
