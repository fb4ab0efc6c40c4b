"""The journal folded: per order and per request what was told, and where tellings contradict each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct, field

from loadtest.chaos.records import Asked, Doubt, Gave, Record, Refused, Said
from schemas.codes import ErrorCode

PLACE = "order.place"
STANDING = frozenset({"payment_failed", "request_mismatch"})
"""Refusals of an order that may stand all the same: its payment was declined, or it is another's answer."""
UNDONE = "not_found"
AWAY = frozenset({ErrorCode.UNAVAILABLE, ErrorCode.RATE_LIMITED})
"""Refusals that say nothing of an earlier attempt: the server did not look."""


class OrderTold(Struct, gc=False):
    """One order as its buyer was told it. `versions`: version -> status."""

    user: str
    request: str
    room: str
    pool: str
    quantity: int
    amount: int
    currency: str
    versions: dict[int, str] = field(default_factory=dict)
    heard: list[tuple[float, int]] = field(default_factory=list)
    """When the highest version was told that had been told until then."""
    pushed: tuple[int, int] = (0, 0)
    """Socket and version of the last telling that answered nothing."""

    @property
    def top(self) -> int:
        return max(self.versions)


class RequestTold(Struct, gc=False):
    """One `request_id` of one buyer."""

    orders: set[str] = field(default_factory=set)
    codes: list[str] = field(default_factory=list)
    doubtful: bool = False
    """Nobody said what became of it at some time."""
    open: bool = False
    """Nobody has said so far."""


class Told:
    """Everything that was told. `contradictions`: one sentence for each."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.orders: dict[str, OrderTold] = {}
        self.requests: dict[tuple[str, str], RequestTold] = {}
        self.contradictions: list[str] = []
        self.given: Counter[str] = Counter()
        """Units per room, as hosts were told."""
        self.perhaps: dict[str, tuple[int, int]] = {}
        """Per room: units that may have been taken out and put in besides, as (below, above)."""
        self.codes: Counter[str] = Counter()
        self.doubts = 0
        self.resolved = 0
        self._open: dict[tuple[str, str], int] = {}
        for record in records:
            self.add(record)

    @property
    def unanswered(self) -> list[tuple[str, str]]:
        """Buyer and request, or buyer and order, of which nobody said what became."""
        requests = [name for name, request in self.requests.items() if request.open]
        return [*requests, *self._open]

    def add(self, record: Record) -> None:
        match record:
            case Said():
                self._said(record)
            case Asked(user=user, request=request):
                self.requests.setdefault((user, request), RequestTold())
            case Refused():
                self._refused(record)
            case Doubt():
                self._doubt(record)
            case Gave(room=room, delta=delta, sure=True):
                self.given[room] += delta
            case Gave(room=room, delta=delta):
                below, above = self.perhaps.get(room, (0, 0))
                self.perhaps[room] = (below + min(delta, 0), above + max(delta, 0))

    # ---- one record -------------------------------------------------------------------------

    def _said(self, told: Said) -> None:
        request = self.requests.setdefault((told.user, told.request), RequestTold())
        request.orders.add(told.order)
        if request.open:
            request.open = False
            self.resolved += 1
        if told.sent is not None:
            self.resolved += self._open.pop((told.user, told.order), 0)
        known = self.orders.get(told.order)
        if known is None:
            known = self.orders[told.order] = OrderTold(
                told.user, told.request, told.room, told.pool, told.quantity, told.amount, told.currency
            )
        self._compare(known, told)
        self._order_of(known, told)
        known.versions.setdefault(told.version, told.status)

    def _compare(self, known: OrderTold, told: Said) -> None:
        for name in ("user", "request", "room", "pool", "quantity", "amount", "currency"):
            before, now = getattr(known, name), getattr(told, name)
            if before != now:
                self.contradictions.append(
                    f"order {told.order}: {name} was told as {before!r}, then as {now!r}"
                )
        status = known.versions.get(told.version, told.status)
        if status != told.status:
            self.contradictions.append(
                f"order {told.order}: version {told.version} was told as {status}, then as {told.status}"
            )

    def _order_of(self, known: OrderTold, told: Said) -> None:
        """An answer is no older than what its buyer knew when asking; what is pushed comes in order."""
        if told.sent is None:
            socket, version = known.pushed
            if socket == told.socket and told.version < version:
                self.contradictions.append(
                    f"order {told.order}: version {told.version} was pushed behind version {version}"
                )
            known.pushed = (told.socket, told.version)
        else:
            before = max((version for at, version in known.heard if at < told.sent), default=0)
            if told.version < before:
                self.contradictions.append(
                    f"order {told.order}: was at version {before}, and an answer to a later question"
                    f" says {told.version}"
                )
        if not known.heard or known.heard[-1][1] < told.version:
            known.heard.append((told.at, told.version))

    def _refused(self, told: Refused) -> None:
        self.codes[told.code] += 1
        request = self.requests.get((told.user, told.request)) if told.request else None
        if told.code == UNDONE and (told.order in self.orders or (request is not None and request.orders)):
            name = told.order or told.request
            self.contradictions.append(
                f"{name} of {told.user} was acknowledged, then {told.command}: {UNDONE}"
            )
        looked = told.code not in AWAY
        if told.order and looked:
            self.resolved += self._open.pop((told.user, told.order), 0)
        if told.command == PLACE:
            request = self.requests.setdefault((told.user, told.request), RequestTold())
            request.codes.append(told.code)
            if request.open and looked:
                request.open = False
                self.resolved += 1

    def _doubt(self, doubt: Doubt) -> None:
        self.doubts += 1
        if doubt.command == PLACE:
            request = self.requests.setdefault((doubt.user, doubt.request), RequestTold())
            # A second doubt about the same request is answered by the same answer.
            self.resolved += request.open
            request.doubtful = request.open = True
        else:
            name = (doubt.user, doubt.order)
            self._open[name] = self._open.get(name, 0) + 1
