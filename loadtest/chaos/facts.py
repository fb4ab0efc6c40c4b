"""The server's side of the books, as plain records: ledger, store, provider. Units and minor units."""

from __future__ import annotations

from msgspec import Struct, field


class LedgerOrder(Struct, frozen=True, gc=False):
    """One order as it stands in the ledger."""

    order: str
    user: str
    request: str
    room: str
    pool: str
    quantity: int
    amount: int
    currency: str
    status: str
    version: int
    payment: str | None = None


class Step(Struct, frozen=True, gc=False):
    """One version of an order's history. `at` in ms on the store's clock."""

    version: int
    status: str
    at: int


class Move(Struct, frozen=True, gc=False):
    """A change of what a pool was given."""

    room: str
    pool: str
    delta: int
    at: int
    reason: str = ""


class Pool(Struct, frozen=True):
    """One pool of the store."""

    room: str
    pool: str
    state: str
    total: int
    available: int
    held: int
    sold: int

    @property
    def name(self) -> str:
        return f"{self.room}/{self.pool}"


class Store(Struct):
    """The whole store at one moment. `orders`: order -> (version, status), of those that were asked for."""

    pools: list[Pool] = []
    holds: int = 0
    overdue: int = 0
    """Holds past their deadline."""
    returns: int = 0
    """Payments and refunds on their way back."""
    charges: list[str] = []
    """Orders with a charge that is neither settled nor given up."""
    behind: int = 0
    """Outbox entries that the ledger has not acknowledged."""
    orders: dict[str, tuple[int, str]] = {}


class Payment(Struct, frozen=True):
    """One payment of the provider's book. `refunds`: the provider's list, key -> amount."""

    payment: str
    key: str
    order: str
    amount: int
    currency: str
    status: str
    refunded: int = 0
    refunds: dict[str, int] = {}


class PaymentRow(Struct, frozen=True, gc=False):
    """What the ledger says became of a payment: captured for its order, unused, or returned."""

    payment: str
    what: str
    amount: int


class RefundRow(Struct, frozen=True, gc=False):
    """What the ledger says became of a refund: begun, approved, declined or done."""

    refund: str
    what: str
    payment: str
    amount: int


class Shown(Struct, frozen=True):
    """What one viewer was shown last: units by sku or sale."""

    viewer: str
    room: str
    units: dict[str, int]


class Books(Struct):
    """All of it. `book` is None where the provider keeps none that can be asked for."""

    orders: dict[str, LedgerOrder] = {}
    history: dict[str, list[Step]] = {}
    moves: list[Move] = []
    payments: list[PaymentRow] = []
    refunds: list[RefundRow] = []
    parked: int = 0
    store: Store = field(default_factory=Store)
    book: list[Payment] | None = None
    shown: list[Shown] = []
    audit: dict[str, object] = {}
