"""The life of an order, as a plain object: what may follow what, and which version that makes.

    reserved -> paid -> shipped -> delivered
       |          `-------`---------`--> refunding -> refunded (all of it was given back)
       |                                     `-> where it came from (a part was, or the host declined)
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
    APPROVE = "approve"
    DECLINE = "decline"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"


_REFUNDING = frozenset({OrderStatus.REFUNDING})
_TABLE: dict[Action, tuple[frozenset[OrderStatus], OrderStatus | None]] = {
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
    Action.APPROVE: (_REFUNDING, OrderStatus.REFUNDING),
    Action.DECLINE: (_REFUNDING, None),
    Action.PARTLY_REFUNDED: (_REFUNDING, None),
    Action.REFUNDED: (_REFUNDING, OrderStatus.REFUNDED),
}
"""Sources and target of each; None: back to the status before the refund."""

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
    """The status `action` always leads to. Raises ValueError for one that leads back."""
    after = _TABLE[action][1]
    if after is None:
        raise ValueError(f"{action.value} leads back to where the order was")
    return after


def check(action: Action, status: OrderStatus, back: OrderStatus | None = None) -> OrderStatus:
    """The status after `action`; `back` is the one before the refund. Raises NotAllowed."""
    expected, after = _TABLE[action]
    if status not in expected:
        raise NotAllowed(action, expected, status)
    after = after or back
    if after is None:
        raise ValueError(f"{action.value} leads back, and nobody said where")
    return after


class OrderLife:
    """One order's status and version; `apply` moves both."""

    __slots__ = ("back", "status", "version")

    def __init__(self, status: OrderStatus = OrderStatus.RESERVED, version: int = 1) -> None:
        self.status = status
        self.version = version
        self.back: OrderStatus | None = None
        """The status before the refund under way."""

    def apply(self, action: Action) -> OrderStatus:
        """The new status; the version grows by one. Raises NotAllowed and stays as it was."""
        before = self.status
        self.status = check(action, before, self.back)
        if action is Action.REFUND:
            self.back = before
        self.version += 1
        return self.status
