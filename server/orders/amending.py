"""Deciding on orders that others change as well: on the record as it stands, again while they are faster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct
from msgspec.structs import replace
from redis.asyncio import Redis

from schemas.codes import ErrorCode
from server.orders.actions import Act, action_row
from server.orders.aftersales import deliver, ship
from server.orders.amendments import Amendment
from server.orders.changes import Change, Changed, Code
from server.orders.errors import OrderError
from server.orders.metrics import ACTIONS
from server.orders.outcomes import Outcome, refused
from server.orders.records import StoredOrder
from server.valkey import store_errors, store_time

ATTEMPTS = 8
"""Times an order is decided on anew because it moved on, before the command is refused as `unavailable`."""

Carry = Callable[[Change], Awaitable[Changed]]
Decide = Callable[[StoredOrder, int], Amendment | None]


class Amended(Struct, frozen=True):
    """`record` is the order as it stands. `changed`: by this very command; `refusal`: why it was not."""

    record: StoredOrder
    changed: bool = False
    refusal: OrderError | None = None

    def outcome(self) -> Outcome:
        order, user, refusal = self.record.to_wire(), self.record.user, self.refusal
        if refusal is not None:
            return refused(refusal.code, refusal.message, user, order)
        return Outcome(None, "", order, False, user)


class Amender:
    """`carry(change)` writes one amendment; raises Unanswered."""

    def __init__(self, client: Redis, carry: Carry) -> None:
        self._client = client
        self._carry = carry

    async def amend(self, record: StoredOrder, decide: Decide, act: Act | None = None) -> Amended:
        """Write what `decide` makes of the record at the store's time, and the row of `act` with it.

        Raises Unanswered, StoreUnavailable.
        """
        for _ in range(ATTEMPTS):
            with store_errors():
                now = await store_time(self._client)
            try:
                amendment = decide(record, now)
            except OrderError as error:
                return Amended(record, refusal=error)
            if amendment is None:
                return Amended(record)
            if act is not None:
                amendment = replace(amendment, action=action_row(record.room, act, now))
            changed = await self._carry(amendment.change())
            if changed.record is None:
                return Amended(record, refusal=OrderError(ErrorCode.NOT_FOUND, "no such order"))
            record = changed.record
            if changed.code is Code.DONE:
                if act is not None:
                    ACTIONS.labels("written").inc()
                return Amended(record, changed=True)
        return Amended(record, refusal=OrderError(ErrorCode.UNAVAILABLE, "the order is changing too fast"))

    async def ship(self, record: StoredOrder, act: Act) -> Outcome:
        """Raises Unanswered, StoreUnavailable."""
        return (await self.amend(record, ship, act)).outcome()

    async def deliver(self, record: StoredOrder, act: Act) -> Outcome:
        """Raises Unanswered, StoreUnavailable."""
        return (await self.amend(record, deliver, act)).outcome()
