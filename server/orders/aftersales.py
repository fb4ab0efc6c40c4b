"""What happens to an order once it is paid: shipped, delivered, given back in part or as a whole.

Decisions only: no I/O and no clock. Each function looks at the record of an order at `now` (ms on the
store's clock) and returns the amendment to write, or None where it is so already. All raise OrderError.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from schemas.codes import ErrorCode, OrderStatus
from server.orders.amendments import Amendment, Fields, Units
from server.orders.changes import RETURN_AFTER_MS
from server.orders.entries import RefundRow
from server.orders.errors import OrderError
from server.orders.lifecycle import Action, NotAllowed, check
from server.orders.records import Refund, StoredOrder

MOST_REFUNDS = 50
"""Of one order, declined ones counted; the one that gives back all the rest is always taken."""


class RefundRules(Struct, frozen=True):
    """How long a buyer may ask after shipping, and how long the host may think, ms."""

    window_ms: int
    approval_ms: int


class RefundRequest(Struct, frozen=True, kw_only=True):
    """`amount` in minor units, None: all that is left. What a host asks for is approved."""

    actor: str
    by_host: bool = False
    reason: str = ""
    amount: int | None = None
    request_id: str | None = None


def ship(record: StoredOrder, now: int) -> Amendment | None:
    if record.status is OrderStatus.SHIPPED:
        return None
    status = _after(Action.SHIP, record)
    return Amendment(record=record, status=status, fields=Fields(shipped_at=now, reason=None))


def deliver(record: StoredOrder, now: int) -> Amendment | None:
    if record.status is OrderStatus.DELIVERED:
        return None
    status = _after(Action.DELIVER, record)
    return Amendment(record=record, status=status, fields=Fields(delivered_at=now, reason=None))


def under_way(record: StoredOrder) -> Refund | None:
    """The refund an order is in; one that an earlier Miaodan began is a full one of unshipped goods."""
    if record.status is not OrderStatus.REFUNDING or record.refund is not None:
        return record.refund
    amount = record.amount - record.refunded
    return Refund(id=f"{record.order}-rall", amount=amount, back=OrderStatus.PAID, due=0, approved=True)


def ask(record: StoredOrder, request: RefundRequest, rules: RefundRules, now: int) -> Amendment | None:
    """Begin a refund. Of unshipped goods it is approved by that, of others the host is asked."""
    current, left = under_way(record), record.amount - record.refunded
    if _known(record, current, request):
        return None
    if current is not None:
        same = request.amount is None and request.request_id is None and current.amount == left
        if not same:
            raise OrderError(ErrorCode.CONFLICT, f"a refund of {current.amount} is under way")
        return approve(record, request.actor, now) if request.by_host else None
    if record.status is OrderStatus.REFUNDED and request.amount is None:
        return None
    status = _after(Action.REFUND, record)
    amount = left if request.amount is None else request.amount
    if amount > left:
        message = f"{amount} is more than the {left} that can still be given back"
        raise OrderError(ErrorCode.CONFLICT, message, "amount")
    approved = record.status is OrderStatus.PAID or request.by_host
    if not approved and now > (record.shipped_at or record.updated_at) + rules.window_ms:
        raise OrderError(ErrorCode.CONFLICT, "the time to ask for a refund after shipping is over")
    if len(record.refunds) >= MOST_REFUNDS and not (approved and amount == left):
        raise OrderError(ErrorCode.LIMIT_EXCEEDED, f"no more than {MOST_REFUNDS} refunds of one order")
    refund = Refund(
        id=_new_id(record, request),
        amount=amount,
        back=record.status,
        due=now + (RETURN_AFTER_MS if approved else rules.approval_ms),
        approved=approved,
        reason=request.reason,
    )
    rows = [_row(record, refund, "begun", request.actor, now, request.reason)]
    if request.by_host:
        rows.append(_row(record, refund, "approved", request.actor, now))
    return Amendment(
        record=record,
        status=status,
        fields=Fields(refund=refund, reason=request.reason or None),
        rows=tuple(rows),
        refund=refund.id,
        due=refund.due,
    )


def approve(record: StoredOrder, actor: str, now: int) -> Amendment | None:
    """From here on the money goes back, whatever happens. An empty actor: time itself, once it is due."""
    status = _after(Action.APPROVE, record)
    refund = under_way(record)
    if refund is None or refund.approved or (not actor and refund.due > now):
        return None
    approved = replace(refund, approved=True, due=now + RETURN_AFTER_MS)
    return Amendment(
        record=record,
        status=status,
        fields=Fields(refund=approved),
        rows=(_row(record, approved, "approved", actor, now),),
        refund=refund.id,
        due=approved.due,
    )


def decline(record: StoredOrder, actor: str, reason: str, now: int) -> Amendment | None:
    """The order is again what it was; its buyer reads the reason."""
    refund = under_way(record)
    status = _after(Action.DECLINE, record, refund)
    if refund is None or refund.approved:
        raise OrderError(ErrorCode.CONFLICT, "the refund is approved: its money is on its way")
    return Amendment(
        record=record,
        status=status,
        fields=Fields(refund=None, refunds=record.refunds | {refund.id: 0}, reason=reason),
        rows=(_row(record, refund, "declined", actor, now, reason),),
        refund=refund.id,
    )


def finish(record: StoredOrder, refund_id: str, now: int) -> Amendment | None:
    """The provider has given the money back. Once all of it is, unshipped units sell again; shipped ones
    are the buyer's, and the host restocks what comes back."""
    refund = under_way(record)
    if refund is None or refund.id != refund_id:
        return None  # somebody else has finished it
    if not refund.approved:
        raise OrderError(ErrorCode.CONFLICT, "the refund was never approved")
    total = record.refunded + refund.amount
    whole = total == record.amount
    units = Units.KEEP
    if whole:
        units = Units.BACK if refund.back is OrderStatus.PAID else Units.GONE
    return Amendment(
        record=record,
        status=_after(Action.REFUNDED if whole else Action.PARTLY_REFUNDED, record, refund),
        fields=Fields(refund=None, refunds=record.refunds | {refund.id: refund.amount}),
        units=units,
        revenue=-refund.amount,
        over=whole,
        rows=(_row(record, refund, "done", "", now, refund.reason),),
        refund=refund.id,
    )


def _after(action: Action, record: StoredOrder, refund: Refund | None = None) -> OrderStatus:
    try:
        return check(action, record.status, refund.back if refund is not None else None)
    except NotAllowed as error:
        raise OrderError(ErrorCode.CONFLICT, str(error)) from None


def _ids(record: StoredOrder, request_id: str) -> tuple[str, str]:
    """Of the refund of a part and of the whole that this request asks for."""
    digest = hashlib.sha256(request_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{record.order}-rp{digest}", f"{record.order}-ra{digest}"


def _new_id(record: StoredOrder, request: RefundRequest) -> str:
    if request.request_id is None:
        return f"{record.order}-rv{record.version + 1}"
    part, whole = _ids(record, request.request_id)
    return whole if request.amount is None else part


def _known(record: StoredOrder, current: Refund | None, request: RefundRequest) -> bool:
    """Whether this request began a refund before."""
    if request.request_id is None:
        return False
    amounts = record.refunds if current is None else record.refunds | {current.id: current.amount}
    part, whole = _ids(record, request.request_id)
    wanted, other = (whole, part) if request.amount is None else (part, whole)
    if other in amounts:
        raise OrderError(ErrorCode.REQUEST_MISMATCH, "this request_id asked for another amount")
    if wanted not in amounts:
        return False
    if amounts[wanted] == 0 and record.amount:
        raise OrderError(ErrorCode.CONFLICT, "this refund was declined: ask with another request_id")
    if request.amount not in (None, amounts[wanted]):
        raise OrderError(ErrorCode.REQUEST_MISMATCH, "this request_id asked for another amount")
    return True


def _row(
    record: StoredOrder,
    refund: Refund,
    what: Literal["begun", "approved", "declined", "done"],
    actor: str,
    now: int,
    reason: str = "",
) -> RefundRow:
    return RefundRow(
        refund=refund.id,
        what=what,
        order=record.order,
        payment=record.payment or "",
        amount=refund.amount,
        currency=record.currency,
        actor=actor,
        at=now,
        reason=reason,
    )
