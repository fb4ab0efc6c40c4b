"""Bodies of the sandbox's HTTP API. Amounts are integer minor units, times milliseconds since 1970."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from msgspec import Meta, Struct

from schemas.models import Currency

Key = Annotated[str, Meta(pattern=r"^[!-~]{1,128}$(?!\n)", description="Visible ASCII.")]
Amount = Annotated[int, Meta(ge=1, le=10**13)]


class Standing(str, Enum):
    """How far a payment has come."""

    PENDING = "pending"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    DECLINED = "declined"


class PaymentRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/payments`. The same `key` is the same payment."""

    key: Key
    order: Annotated[str, Meta(min_length=1, max_length=64)]
    user: Annotated[str, Meta(min_length=1, max_length=128)]
    amount: Amount
    currency: Currency


class RefundRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/payments/{payment}/refunds`. The same `key` is carried out once."""

    key: Key
    amount: Amount
    currency: Currency | None = None
    """Where given, it must be the payment's."""


class Payment(Struct, kw_only=True):
    """A payment as the book has it."""

    payment: str
    key: str
    order: str
    user: str
    amount: int
    currency: str
    status: Standing
    refunded: int = 0
    reason: str = ""
    at: int = 0


class Payments(Struct):
    """`GET /v1/payments?key=…` or `?order=…`."""

    payments: list[Payment]


class Refund(Struct):
    """One refund as the book has it."""

    key: str
    amount: int
    at: int


class BookEntry(Payment, kw_only=True):
    """A payment with its refunds."""

    refunds: list[Refund] = []


class BookPage(Struct):
    """`GET /v1/book`. `cursor` asks for the next page; null: this was the last."""

    payments: list[BookEntry]
    cursor: str | None = None


class Trouble(Struct, omit_defaults=True):
    """What went wrong. `field`: the path of what was wrong in the request."""

    code: str
    message: str
    field: str | None = None


class TroubleResponse(Struct):
    """Every error."""

    error: Trouble


class Refused(Exception):
    """A request that is not carried out. `status`: HTTP's."""

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(status, code, message, field)
        self.status = status
        self.code = code
        self.message = message
        self.field = field

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
