"""A buyer's side of orders: every request ends with one answer, whatever the network does.

A request whose reply was lost or came back `unknown_outcome` is asked about by its `request_id`;
only when the server knows nothing of it is it placed again, under the same id. The server
promises that one `request_id` never reserves twice, so asking is always safe.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from client_sim.notices import Notice, OrderChanged, OrderSettled
from schemas.codes import ErrorCode, OrderStatus
from schemas.commands import Command, OrderGet, OrderPlace
from schemas.events import Error, OrderAccepted
from schemas.models import Order

REPLY_TIMEOUT_MS = 10_000
ASK_AGAIN_MS = 250
MAX_TRIES = 20
MAX_PENDING = 256
KEPT_ORDERS = 1_024
"""Orders a client remembers; the oldest final one goes first."""

_FINAL = (OrderStatus.DELIVERED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REFUNDED)
_ASK_LATER = (ErrorCode.UNKNOWN_OUTCOME, ErrorCode.UNAVAILABLE, ErrorCode.RATE_LIMITED)

Send = Callable[[Command, float], int]


class TooManyPending(RuntimeError):
    """More than `MAX_PENDING` orders wait for an answer."""


@dataclass(slots=True)
class Pending:
    """A request without an answer. `act_at` is when to ask or place again; None: a reply is on its way."""

    request: OrderPlace
    placed_at: float
    sent: bool = False
    doubtful: bool = False
    tries: int = 0
    act_at: float | None = None
    reply_by: float = 0.0


class OrderBook:
    """Requests that wait for an answer, and the orders this user has."""

    def __init__(self, send: Send, kept: int = KEPT_ORDERS) -> None:
        self._send = send
        self._kept = kept
        self._pending: OrderedDict[str, Pending] = OrderedDict()
        self._orders: OrderedDict[str, Order] = OrderedDict()

    @property
    def pending(self) -> dict[str, OrderPlace]:
        """Requests that wait for an answer, by `request_id`."""
        return {name: pending.request for name, pending in self._pending.items()}

    @property
    def orders(self) -> dict[str, Order]:
        return dict(self._orders)

    def place(self, request: OrderPlace, now: float, live: bool) -> None:
        """Order. While not `live` it waits for the next welcome. Raises TooManyPending, ValueError."""
        if request.request_id in self._pending:
            raise ValueError(f"request {request.request_id} is waiting for its answer")
        if len(self._pending) >= MAX_PENDING:
            raise TooManyPending(f"{MAX_PENDING} orders wait for an answer")
        pending = self._pending[request.request_id] = Pending(request, now)
        if live:
            self._say(pending, now)

    def accepted(self, reply: OrderAccepted, command: Command, now: float) -> list[Notice]:
        notices = self.changed(reply.order)
        pending = self._pending.get(reply.order.request_id)
        if pending is not None and isinstance(command, OrderPlace | OrderGet):
            notices = [self._settle(pending, now, order=reply.order, replayed=reply.replayed)]
        return notices

    def refused(self, error: Error, command: Command, now: float) -> list[Notice]:
        name = command.request_id if isinstance(command, OrderPlace | OrderGet) else None
        pending = self._pending.get(name) if name else None
        if pending is None:
            return []
        asking = isinstance(command, OrderGet)
        if asking and error.code is ErrorCode.NOT_FOUND:
            pending.sent = False
            return self._later(pending, now, 0.0)
        if (asking and error.code in _ASK_LATER) or error.code is ErrorCode.UNKNOWN_OUTCOME:
            pending.doubtful = True
            return self._later(
                pending, now, float(error.retry_after_ms or ASK_AGAIN_MS * (1 + pending.tries))
            )
        held = self._orders.get(error.order) if error.order else None
        return [self._settle(pending, now, code=error.code, error=error, order=held)]

    def changed(self, order: Order) -> list[Notice]:
        """An order as the server last told it; older versions are ignored."""
        known = self._orders.get(order.order)
        if known is not None and known.version >= order.version:
            return []
        self._orders[order.order] = order
        if len(self._orders) > self._kept:
            oldest = next((o.order for o in self._orders.values() if o.status in _FINAL), None)
            self._orders.pop(oldest) if oldest else self._orders.popitem(last=False)
        return [OrderChanged(order)]

    def welcomed(self, unfinished: list[Order], now: float) -> list[Notice]:
        """Back in the room: take what the server says stands, ask about the rest."""
        notices: list[Notice] = []
        listed = {order.order for order in unfinished}
        for order in unfinished:
            known = order.order in self._orders
            changed = self.changed(order)
            pending = self._pending.get(order.request_id)
            if pending is not None:
                notices.append(self._settle(pending, now, order=order, replayed=True))
            elif known:
                notices.extend(changed)
        for order in list(self._orders.values()):
            if order.order not in listed and order.status not in _FINAL:
                self._send(OrderGet(order=order.order), now)
        for pending in list(self._pending.values()):
            self._say(pending, now)
        return notices

    def lost(self) -> None:
        """The socket is gone: what was sent and not answered is in doubt until the next welcome."""
        for pending in self._pending.values():
            pending.doubtful = pending.doubtful or pending.sent
            pending.act_at = None

    def tick(self, now: float) -> list[Notice]:
        """Ask again what is due. Call while live only."""
        notices: list[Notice] = []
        for pending in list(self._pending.values()):
            if pending.act_at is not None and now >= pending.act_at:
                self._say(pending, now)
            elif pending.act_at is None and now >= pending.reply_by:
                pending.doubtful = True
                notices.extend(self._later(pending, now, 0.0))
        return notices

    def deadline(self) -> float | None:
        """When `tick` has something to do."""
        return min(
            (p.reply_by if p.act_at is None else p.act_at for p in self._pending.values()),
            default=None,
        )

    def _say(self, pending: Pending, now: float) -> None:
        pending.act_at = None
        pending.reply_by = now + REPLY_TIMEOUT_MS
        if pending.sent:
            self._send(OrderGet(request_id=pending.request.request_id), now)
        else:
            pending.sent = True
            self._send(pending.request, now)

    def _later(self, pending: Pending, now: float, delay_ms: float) -> list[Notice]:
        pending.tries += 1
        if pending.tries > MAX_TRIES:
            return [self._settle(pending, now, code=ErrorCode.UNKNOWN_OUTCOME)]
        pending.act_at = now + delay_ms
        if not delay_ms:
            self._say(pending, now)
        return []

    def _settle(
        self,
        pending: Pending,
        now: float,
        *,
        order: Order | None = None,
        replayed: bool = False,
        code: ErrorCode | None = None,
        error: Error | None = None,
    ) -> OrderSettled:
        del self._pending[pending.request.request_id]
        if order is not None:
            self.changed(order)
        return OrderSettled(
            request=pending.request,
            code=code,
            message=error.message if error else "",
            order=order,
            replayed=replayed,
            asked_again=pending.doubtful,
            after_ms=now - pending.placed_at,
            retry_after_ms=error.retry_after_ms if error else None,
        )
