"""What the clients of a load test were told, kept beside the server's own word for the audit.

One `Told` per process. In a distributed run workers send increments (`take`) and the master adds
them up (`add`), so all of it is plain JSON-like data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from client_sim.notices import OrderSettled, Violation
from schemas.codes import ErrorCode
from schemas.models import Sale

KEPT_REFUSALS = 200_000
"""Refused requests remembered for the audit; more are only counted."""
KEPT_ZEROS = 20_000
"""Countdown zeros remembered per sale."""
KEPT_VIOLATIONS = 50

_MAY_STAND = (ErrorCode.PAYMENT_FAILED, ErrorCode.UNKNOWN_OUTCOME)
"""Refusals after which a hold may be in the ledger all the same."""


@dataclass
class Told:
    """Orders by request (`user/request_id`), sales as first seen."""

    accepted: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    refusals_forgotten: int = 0
    unanswered: dict[str, int] = field(default_factory=dict)
    """Requests whose answer nobody waits for any more, and their quantity."""
    sales: dict[str, dict[str, Any]] = field(default_factory=dict)
    sold_out: dict[str, int] = field(default_factory=dict)
    """Sales that were called sold out, and the smallest quantity that was refused so."""
    zeros: dict[str, list[float]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    violation_count: int = 0

    def settled(self, user: str, outcome: OrderSettled) -> None:
        """An order got its answer."""
        name = f"{user}/{outcome.request.request_id}"
        if outcome.code in _MAY_STAND:
            self.unanswered[name] = outcome.request.quantity
        elif outcome.code is not None:
            sale = outcome.request.sale
            if outcome.code is ErrorCode.SOLD_OUT and sale is not None:
                quantity = outcome.request.quantity
                self.sold_out[sale] = min(quantity, self.sold_out.get(sale, quantity))
            if len(self.refused) < KEPT_REFUSALS:
                self.refused[name] = outcome.code.value
            else:
                self.refusals_forgotten += 1
        elif outcome.order is not None:
            order = outcome.order
            self.accepted[name] = {
                "order": order.order,
                "user": user,
                "request_id": order.request_id,
                "sku": order.sku,
                "sale": order.sale,
                "quantity": order.quantity,
                "amount": order.amount,
            }

    def gave_up(self, user: str, request_id: str, quantity: int) -> None:
        """The client left before the answer came: the order may stand or not."""
        self.unanswered[f"{user}/{request_id}"] = quantity

    def saw_sale(self, sale: Sale) -> None:
        """A sale before its start: `available` is all it has to sell."""
        self.sales.setdefault(
            sale.sale,
            {"sku": sale.sku, "stock": sale.available, "price": sale.price, "limit": sale.per_user_limit},
        )

    def saw_zero(self, sale: str, machine: str, *true_ms: float) -> None:
        """When on this machine's clock clients' countdowns ended; clocks of two machines are not compared."""
        zeros = self.zeros.setdefault(f"{sale} {machine}", [])
        zeros.extend(true_ms[: KEPT_ZEROS - len(zeros)])

    def violated(self, user: str, violation: Violation) -> None:
        self.violation_count += 1
        if len(self.violations) < KEPT_VIOLATIONS:
            self.violations.append(f"{user}: {violation.fault.value}: {violation.detail}")

    def take(self) -> dict[str, Any]:
        """Everything since the last `take`, as plain data; this object starts again from nothing."""
        document: dict[str, Any] = {
            "accepted": self.accepted,
            "refused": self.refused,
            "refusals_forgotten": self.refusals_forgotten,
            "unanswered": self.unanswered,
            "sales": self.sales,
            "sold_out": self.sold_out,
            "zeros": self.zeros,
            "violations": self.violations,
            "violation_count": self.violation_count,
        }
        fresh = Told()
        for name in Told.__dataclass_fields__:
            setattr(self, name, getattr(fresh, name))
        return document

    def add(self, document: dict[str, Any]) -> None:
        """Add what another process took."""
        self.accepted |= document["accepted"]
        room = KEPT_REFUSALS - len(self.refused)
        refused = list(document["refused"].items())
        self.refused |= dict(refused[: max(room, 0)])
        self.refusals_forgotten += document["refusals_forgotten"] + max(0, len(refused) - room)
        self.unanswered |= document["unanswered"]
        for sale, seen in document["sales"].items():
            self.sales.setdefault(sale, seen)
        for sale, zeros in document["zeros"].items():
            known = self.zeros.setdefault(sale, [])
            known.extend(zeros[: KEPT_ZEROS - len(known)])
        self.violations.extend(document["violations"][: KEPT_VIOLATIONS - len(self.violations)])
        self.violation_count += document["violation_count"]
        for sale, quantity in document["sold_out"].items():
            self.sold_out[sale] = min(quantity, self.sold_out.get(sale, quantity))
