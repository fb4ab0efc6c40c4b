"""What the outbox carries to the ledger, one entry per script call: JSON lists, one field per kind.

    o  orders as they stand now          m  what pools were given or lost
    p  what became of payments           r  what became of refunds
    n  notices of the payment provider   d  pools' rules
    c  what hosts did

Every row is written once by its key, whichever way and how often it arrives.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct, field

from server.orders.records import StoredOrder


class StockMove(Struct, frozen=True):
    """A change of what one pool was given: `delta` units, signed."""

    id: str
    room: str
    pool: str
    delta: int
    reason: str
    at: int


class NoticeRow(Struct, frozen=True):
    """What one notice of a payment provider, or one return of a payment, did.

    `status` is the notice's word, `result` ours; `reason` says why where it was refused.
    """

    event: str
    order: str
    payment: str
    status: str
    amount: int
    currency: str
    result: str
    at: int
    reason: str = ""


class PaymentRow(Struct, frozen=True):
    """One thing that became of a payment: it paid its order, found no use, or was returned."""

    payment: str
    what: Literal["captured", "unused", "returned"]
    order: str
    charge: str
    """The charge's key; empty where only the provider knows it."""
    amount: int
    currency: str
    at: int
    reason: str = ""


class _PaymentHead(Struct, frozen=True):
    payment: str
    order: str
    charge: str
    amount: int
    currency: str


def payment_head(payment: str, order: str, charge: str, amount: int, currency: str) -> bytes:
    """The open first part of a `PaymentRow`; the scripts append what became of it, and when."""
    return msgspec.json.encode(_PaymentHead(payment, order, charge, amount, currency))[:-1]


class RefundRow(Struct, frozen=True):
    """One thing that became of a refund."""

    refund: str
    what: Literal["begun", "approved", "declined", "done"]
    order: str
    payment: str
    amount: int
    currency: str
    actor: str
    """The user who did it; empty where time did."""
    at: int
    reason: str = ""


class ActionRow(Struct, frozen=True):
    """What a host, a moderator or an operator did in a room. `details`: the command, as JSON text."""

    id: str
    room: str
    actor: str
    role: str
    action: str
    details: str
    at: int


class PoolRow(Struct, frozen=True):
    """A pool's rules. `version` grows with each change of them, `epoch` each time it is rebuilt.

    Times in ms (0: none), `price` in minor units, `per_user_limit` 0: none.
    """

    room: str
    pool: str
    version: int
    epoch: int
    state: str
    sku: str
    price: int
    currency: str
    per_user_limit: int
    hold_ms: int
    starts_at: int
    ends_at: int
    reason: str
    at: int


class Entry(Struct, frozen=True):
    """One outbox entry, decoded."""

    orders: list[StoredOrder]
    moves: list[StockMove]
    notices: list[NoticeRow]
    payments: list[PaymentRow] = field(default_factory=list)
    refunds: list[RefundRow] = field(default_factory=list)
    actions: list[ActionRow] = field(default_factory=list)
    pools: list[PoolRow] = field(default_factory=list)


_orders = msgspec.json.Decoder(list[StoredOrder]).decode
_moves = msgspec.json.Decoder(list[StockMove]).decode
_notices = msgspec.json.Decoder(list[NoticeRow]).decode
_payments = msgspec.json.Decoder(list[PaymentRow]).decode
_refunds = msgspec.json.Decoder(list[RefundRow]).decode
_actions = msgspec.json.Decoder(list[ActionRow]).decode
_pools = msgspec.json.Decoder(list[PoolRow]).decode
_KINDS = frozenset({b"o", b"m", b"n", b"p", b"r", b"c", b"d"})


def decode_entry(fields: dict[bytes, bytes]) -> Entry:
    """Raises ValueError (msgspec's errors included) for an entry that no script of ours wrote."""
    unknown = fields.keys() - _KINDS
    if unknown or not fields:
        raise ValueError(f"unexpected fields: {sorted(unknown)}")
    given = fields.get
    return Entry(
        _orders(given(b"o", b"[]")),
        _moves(given(b"m", b"[]")),
        _notices(given(b"n", b"[]")),
        _payments(given(b"p", b"[]")),
        _refunds(given(b"r", b"[]")),
        _actions(given(b"c", b"[]")),
        _pools(given(b"d", b"[]")),
    )
