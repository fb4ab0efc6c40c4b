"""The provider's book, held against the orders. Pure: one sentence per broken promise; minor units."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from loadtest.chaos.facts import LedgerOrder, Payment, PaymentRow, RefundRow

CAPTURED = "captured"
PAID = frozenset({"paid", "shipped", "delivered"})


def _kept(payment: Payment) -> bool:
    """Money was taken and not all of it was given back."""
    return payment.status == CAPTURED and payment.refunded < payment.amount


def charged_once(book: Iterable[Payment], orders: Mapping[str, LedgerOrder]) -> list[str]:
    """At most one payment is kept for an order, and exactly one, the order's own, for each that is paid."""
    kept: dict[str, list[Payment]] = defaultdict(list)
    for payment in book:
        if _kept(payment):
            kept[payment.order].append(payment)
    found = [
        f"order {order}: {len(payments)} payments are kept: {sorted(one.payment for one in payments)}"
        for order, payments in sorted(kept.items())
        if len(payments) > 1
    ]
    for name, order in orders.items():
        if order.status not in PAID:
            continue
        payments = kept.get(name, [])
        if not payments and order.amount:
            found.append(f"order {name} is {order.status}, the provider keeps no payment for it")
        for payment in payments[:1]:
            if (payment.amount, payment.currency) != (order.amount, order.currency):
                found.append(
                    f"order {name} costs {order.amount} {order.currency},"
                    f" {payment.amount} {payment.currency} were taken"
                )
            if len(payments) == 1 and payment.payment != order.payment:
                found.append(
                    f"order {name} names payment {order.payment}, the provider keeps {payment.payment}"
                )
    return found


def refunds_below_capture(book: Iterable[Payment]) -> list[str]:
    """Nobody got back more than was taken, and each refund was counted once."""
    found = []
    for payment in book:
        taken = payment.amount if payment.status == CAPTURED else 0
        if payment.refunded > taken:
            found.append(f"payment {payment.payment}: {taken} were taken, {payment.refunded} given back")
        listed = sum(payment.refunds.values())
        if payment.refunds and listed != payment.refunded:
            found.append(
                f"payment {payment.payment}: its refunds add up to {listed}, the book says {payment.refunded}"
            )
    return found


def none_unused(book: Iterable[Payment], orders: Mapping[str, LedgerOrder]) -> list[str]:
    """Money taken for an order that is not paid has gone back."""
    found = []
    for payment in book:
        order = orders.get(payment.order)
        if _kept(payment) and (order is None or order.status not in PAID):
            what = "unknown" if order is None else order.status
            left = payment.amount - payment.refunded
            found.append(
                f"payment {payment.payment}: {left} are kept for order {payment.order}, which is {what}"
            )
    return found


def settled(book: Iterable[Payment], charges: Iterable[str]) -> list[str]:
    """Where money was taken the charge has ended. `charges`: orders with one that is open."""
    still = set(charges)
    return [
        f"payment {payment.payment}: taken for order {payment.order}, whose charge is still open"
        for payment in book
        if payment.order in still and _kept(payment)
    ]


def in_ledger(
    book: Iterable[Payment], payments: Iterable[PaymentRow], refunds: Iterable[RefundRow]
) -> list[str]:
    """The ledger knows of all money that was taken, and of all that went back, to the last unit."""
    known: set[str] = set()
    back: Counter[str] = Counter()
    for row in payments:
        known.add(row.payment)
        back[row.payment] += row.amount if row.what == "returned" else 0
    for refund in refunds:
        back[refund.payment] += refund.amount if refund.what == "done" else 0
    found = []
    for payment in book:
        if payment.status == CAPTURED and payment.payment not in known:
            found.append(f"payment {payment.payment}: {payment.amount} were taken, the ledger has none such")
        if payment.refunded != back[payment.payment]:
            found.append(
                f"payment {payment.payment}: {payment.refunded} were given back,"
                f" the ledger has {back[payment.payment]}"
            )
    return found
