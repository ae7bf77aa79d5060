"""The life of a trip as data: which state follows which, by whom and through what.

This table is all there is. ``TmsTrip._transition`` applies it; nothing else sets a
state.
"""

from typing import NamedTuple

STATES = [
    ("planned", "Planned"),
    ("assigned", "Assigned"),
    ("in_transit", "In transit"),
    ("on_hold", "On hold"),
    ("delivered", "Delivered"),
    ("completed", "Completed"),
    ("invoiced", "Invoiced"),
    ("paid", "Paid"),
    ("cancelled", "Cancelled"),
]
# A truck and a driver belong to at most one trip in these states.
OPEN_STATES = ("assigned", "in_transit", "on_hold")
# Truck, driver and cargo may still be changed in these states.
EDITABLE_STATES = ("planned", "assigned")

ROLE_GROUPS = {
    "admin": "tms_management.group_tms_admin",
    "dispatcher": "tms_management.group_tms_dispatcher",
    "finance": "tms_management.group_tms_finance",
    "driver": "tms_management.group_tms_driver",
}
DISPATCH = ("admin", "dispatcher")
ON_THE_ROAD = ("admin", "dispatcher", "driver")
ACCOUNTING = ("admin", "finance")


class Transition(NamedTuple):
    """One permitted change of state.

    ``channel`` names the only way it happens: ``user`` by a decision, ``event`` by
    logging a critical event, ``pod`` by a proof of delivery, ``accounting`` by what
    becomes of the invoice. ``checked`` runs the assignment checks, ``reason`` makes a
    reason mandatory and ``stamp`` is the field that receives the server's time.
    """

    source: str
    target: str
    roles: tuple[str, ...]
    channel: str = "user"
    checked: bool = False
    reason: bool = False
    stamp: str = ""


TRANSITIONS = {
    (row.source, row.target): row
    for row in (
        Transition("planned", "assigned", DISPATCH, checked=True, stamp="assigned_at"),
        Transition(
            "assigned", "in_transit", ON_THE_ROAD, checked=True, stamp="started_at"
        ),
        Transition("in_transit", "on_hold", ON_THE_ROAD, channel="event"),
        Transition("on_hold", "in_transit", DISPATCH, reason=True),
        Transition(
            "in_transit", "delivered", ON_THE_ROAD, channel="pod", stamp="delivered_at"
        ),
        Transition("delivered", "completed", DISPATCH, stamp="completed_at"),
        Transition("completed", "invoiced", ACCOUNTING, channel="accounting"),
        Transition("invoiced", "paid", ACCOUNTING, channel="accounting"),
        Transition(
            "invoiced", "completed", ACCOUNTING, channel="accounting", reason=True
        ),
        Transition("paid", "completed", ACCOUNTING, channel="accounting", reason=True),
        Transition("planned", "cancelled", DISPATCH, reason=True, stamp="cancelled_at"),
        Transition(
            "assigned", "cancelled", DISPATCH, reason=True, stamp="cancelled_at"
        ),
        Transition(
            "in_transit", "cancelled", DISPATCH, reason=True, stamp="cancelled_at"
        ),
        Transition("on_hold", "cancelled", DISPATCH, reason=True, stamp="cancelled_at"),
    )
}
