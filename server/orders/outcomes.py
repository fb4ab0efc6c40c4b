"""What a buyer is told about an order command."""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct

from schemas.codes import ErrorCode
from schemas.models import Order
from server.orders.changes import Changed, Code
from server.orders.lanes import Fate


class Outcome(Struct, frozen=True):
    """The one answer to an order command. `code` None: accepted, and `order` is how it stands.

    With a code, `order` may still say how an order stands (a refused payment leaves it held).
    """

    code: ErrorCode | None
    message: str
    order: Order | None
    replayed: bool
    user: str
    retry_after_ms: int | None = None


class Result(IntEnum):
    """What `reserve.lua` answers for one order, but for one that was placed before."""

    HELD = 1
    MISMATCH = -1
    NOT_FOUND = -2
    NOT_OPEN = -3
    SALE_ENDED = -4
    LIMIT_EXCEEDED = -5
    SOLD_OUT = -6
    NOT_LIVE = -7


REFUSALS: dict[int, tuple[ErrorCode, str]] = {
    Result.MISMATCH: (ErrorCode.REQUEST_MISMATCH, "this request_id was used for another order"),
    Result.NOT_FOUND: (ErrorCode.NOT_FOUND, "not on sale in this room"),
    Result.NOT_OPEN: (ErrorCode.NOT_OPEN, "the sale has not begun"),
    Result.SALE_ENDED: (ErrorCode.SALE_ENDED, "the sale is over"),
    Result.LIMIT_EXCEEDED: (ErrorCode.LIMIT_EXCEEDED, "more than one buyer may have"),
    Result.SOLD_OUT: (ErrorCode.SOLD_OUT, "not that many are left"),
    Result.NOT_LIVE: (ErrorCode.NOT_OPEN, "the room takes no orders now"),
}
RETRY_MS = 200
"""When a full queue is worth another try."""
DOWN_RETRY_MS = 1_000

_FATES = {
    Fate.UNKNOWN: (
        ErrorCode.UNKNOWN_OUTCOME,
        "the store gave no answer: ask again with the same request_id",
        None,
    ),
    Fate.DOWN: (ErrorCode.UNAVAILABLE, "the store is away: nothing was done", DOWN_RETRY_MS),
    Fate.FULL: (ErrorCode.RATE_LIMITED, "too many orders at once: nothing was done", RETRY_MS),
}


def of_fate(fate: Fate, user: str, order: Order | None = None, retry_after_ms: int | None = None) -> Outcome:
    """`retry_after_ms`: where more is known than when such a fate usually is over."""
    code, message, retry = _FATES[fate]
    return Outcome(code, message, order, False, user, retry_after_ms or retry)


def refused(code: ErrorCode, message: str, user: str, order: Order | None = None) -> Outcome:
    return Outcome(code, message, order, False, user)


def of_change(changed: Changed, user: str) -> Outcome:
    """How the order stands: accepted where the change was made, now or before."""
    if changed.record is None:
        return refused(ErrorCode.NOT_FOUND, "no such order", user)
    order = changed.record.to_wire()
    if changed.code in (Code.DONE, Code.ALREADY):
        return Outcome(None, "", order, False, user)
    return refused(ErrorCode.CONFLICT, f"the order is {order.status.value} now", user, order)
