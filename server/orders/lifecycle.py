"""The life of an order, as a plain object: what may follow what, and which version that makes.

    reserved -> paid -> shipped -> delivered
       |          `-------`---------`--> refunding -> refunded
       |-> cancelled
       `-> expired -> paid (a late payment that still found stock)

No I/O and no clock. The store's scripts get their allowed sources from here (`sources`), so the
table below is the only one.
"""

from __future__ import annotations

from enum import Enum

from schemas.codes import OrderStatus


class Action(Enum):
    """What can happen to an order after its reservation."""

    PAY = "pay"
    PAY_LATE = "pay_late"
    CANCEL = "cancel"
    EXPIRE = "expire"
    SHIP = "ship"
    DELIVER = "deliver"
    REFUND = "refund"
    REFUNDED = "refunded"


_TABLE: dict[Action, tuple[frozenset[OrderStatus], OrderStatus]] = {
    Action.PAY: (frozenset({OrderStatus.RESERVED}), OrderStatus.PAID),
    Action.PAY_LATE: (frozenset({OrderStatus.EXPIRED}), OrderStatus.PAID),
    Action.CANCEL: (frozenset({OrderStatus.RESERVED}), OrderStatus.CANCELLED),
    Action.EXPIRE: (frozenset({OrderStatus.RESERVED}), OrderStatus.EXPIRED),
    Action.SHIP: (frozenset({OrderStatus.PAID}), OrderStatus.SHIPPED),
    Action.DELIVER: (frozenset({OrderStatus.SHIPPED}), OrderStatus.DELIVERED),
    Action.REFUND: (
        frozenset({OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED}),
        OrderStatus.REFUNDING,
    ),
    Action.REFUNDED: (frozenset({OrderStatus.REFUNDING}), OrderStatus.REFUNDED),
}

HOLDING = frozenset({OrderStatus.RESERVED})
"""Units count as held."""
SOLD = frozenset({OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED, OrderStatus.REFUNDING})
"""Units count as sold (a refund gives them back only once the money is back)."""
UNFINISHED = frozenset({OrderStatus.RESERVED, OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.REFUNDING})
"""Something is still to come; what a buyer is shown on joining a room."""


class NotAllowed(Exception):
    """`action` does not apply to an order that is `came`; it applies to those that are `expected`."""

    def __init__(self, action: Action, expected: frozenset[OrderStatus], came: OrderStatus) -> None:
        super().__init__(action, expected, came)
        self.action = action
        self.expected = expected
        self.came = came

    def __str__(self) -> str:
        allowed = " or ".join(sorted(status.value for status in self.expected))
        return f"cannot {self.action.value} an order that is {self.came.value}, only one that is {allowed}"


def sources(action: Action) -> frozenset[OrderStatus]:
    """The statuses `action` applies to."""
    return _TABLE[action][0]


def target(action: Action) -> OrderStatus:
    """The status `action` leads to."""
    return _TABLE[action][1]


def check(action: Action, status: OrderStatus) -> OrderStatus:
    """The status after `action`. Raises NotAllowed."""
    expected, after = _TABLE[action]
    if status not in expected:
        raise NotAllowed(action, expected, status)
    return after


class OrderLife:
    """One order's status and version; `apply` moves both."""

    __slots__ = ("status", "version")

    def __init__(self, status: OrderStatus = OrderStatus.RESERVED, version: int = 1) -> None:
        self.status = status
        self.version = version

    def apply(self, action: Action) -> OrderStatus:
        """The new status; the version grows by one. Raises NotAllowed and stays as it was."""
        self.status = check(action, self.status)
        self.version += 1
        return self.status
