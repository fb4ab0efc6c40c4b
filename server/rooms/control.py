"""Control commands: decided on a fresh room, done to the stock pools, put into the log.

Where a command touches stock, the pool goes first and the event follows under the room's lock. A
crash between the two leaves a pool ahead of the log and never an event without stock behind it:
the same command again finishes the work, and a sale that no log knows is undone by the sale clock.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from msgspec import UNSET
from redis.asyncio import Redis
from uuid_utils import uuid7

from schemas.codes import ErrorCode
from schemas.commands import (
    ProductMount,
    ProductRestock,
    ProductUnmount,
    ProductUpdate,
    RoomCommand,
    RoomEnd,
    SaleCancel,
    SaleSchedule,
    ViewerKick,
    ViewerMute,
    ViewerUnmute,
    command_type,
)
from schemas.events import ProductUpdated
from server.rooms import metrics
from server.rooms.decide import Events, Facts, Refused, decide
from server.rooms.log import RoomLog, SequenceConflict
from server.rooms.moderation import Moderation
from server.rooms.pools import Counts, Pools, asked, close_sale
from server.rooms.state import RoomState

ATTEMPTS = 10
"""Times a command is decided again because the room moved on before it is refused as `unavailable`."""

PoolCommand = (
    ProductMount | ProductUpdate | ProductUnmount | ProductRestock | SaleSchedule | SaleCancel | RoomEnd
)
Crowd = ViewerMute | ViewerUnmute | ViewerKick

_logger = structlog.get_logger(__name__)


class RoomControl:
    """Carries out what hosts and moderators ask. Whether they may is not asked here."""

    def __init__(self, log: RoomLog, pools: Pools, client: Redis) -> None:
        self._log = log
        self._pools = pools
        self._moderation = Moderation(client)

    async def execute(self, room: str, command: RoomCommand, actor: str) -> int:
        """Do `command` of user `actor`; the seq of its (last) event, 0 where it makes none.

        Raises Refused, and StoreUnavailable when it may or may not have been done.
        """
        kind = command_type(command)
        try:
            if isinstance(command, Crowd):
                seq = await self._moderate(room, command, actor)
            elif isinstance(command, PoolCommand):
                async with self._log.lock(room):
                    seq = await self._with_pools(room, command, actor)
            else:
                seq = await self._commit(room, command, actor, Facts())
        except Refused as refused:
            metrics.COMMANDS.labels(kind, refused.code.value).inc()
            raise
        metrics.COMMANDS.labels(kind, "done").inc()
        return seq

    async def _load(self, room: str) -> RoomState:
        state = await self._log.load(room)
        if state is None:
            raise Refused(ErrorCode.NOT_FOUND, f"no room {room}")
        return state

    async def _moderate(self, room: str, command: Crowd, actor: str) -> int:
        decide(await self._load(room), command, actor=actor, now=0)
        match command:
            case ViewerMute():
                await self._moderation.mute(room, command.user, command.duration_ms, command.reason)
            case ViewerUnmute():
                await self._moderation.unmute(room, command.user)
            case ViewerKick():
                await self._moderation.kick(room, command.user, command.duration_ms, command.reason)
        return 0

    async def _with_pools(self, room: str, command: PoolCommand, actor: str) -> int:
        state = await self._load(room)
        facts = Facts(sale="s" + uuid7().hex)
        planned = decide(state, command, actor=actor, now=await self._log.now(), facts=facts)
        levels: Mapping[str, Counts] = {}
        match command:
            case ProductMount(product=product):
                total = await asked(
                    self._pools.mount(
                        room,
                        product.sku,
                        price=product.price,
                        currency=state.currency,
                        stock=product.stock,
                        per_user_limit=product.per_user_limit,
                    )
                )
                facts = Facts(total=total)
            case ProductUpdate():
                levels = await self._update(room, command, planned)
            case ProductUnmount(sku=sku):
                await self._withdraw(room, sku)
            case ProductRestock(sku=of, sale=id, delta=delta):
                await asked(self._pools.restock(room, sku=of, sale=id, delta=delta))
                return 0
            case SaleSchedule():
                return await self._schedule(state, command, actor, facts.sale)
            case SaleCancel(sale=sale):
                facts = Facts(reasons=await self._close(room, [sale], "cancelled"))
                if facts.reasons[sale] != "cancelled":
                    raise Refused(ErrorCode.CONFLICT, "the sale has ended", "sale")
            case RoomEnd():
                sales = [sale.sale for sale in state.active_sales()]
                facts = Facts(reasons=await self._close(room, sales, "room_ended"))
        return await self._commit(room, command, actor, facts, levels)

    async def _update(self, room: str, command: ProductUpdate, planned: Events) -> Mapping[str, Counts]:
        """Tell the pool what changed for it; the stock that its event then shows."""
        for event in planned:
            if isinstance(event, ProductUpdated) and (
                command.price is not UNSET or command.per_user_limit is not UNSET
            ):
                product = event.product
                await asked(
                    self._pools.update(
                        room, product.sku, price=product.price, per_user_limit=product.per_user_limit
                    )
                )
        return await asked(self._pools.counts(room))

    async def _withdraw(self, room: str, sku: str) -> None:
        try:
            await asked(self._pools.unmount(room, sku))
        except Refused as refused:
            if refused.code is not ErrorCode.NOT_FOUND:
                raise  # a product without a pool has nothing to withdraw, and may leave the shelf

    async def _close(self, room: str, sales: list[str], reason: str) -> dict[str, str]:
        return {sale: await close_sale(self._pools, room, sale, reason) for sale in sales}

    async def _schedule(self, state: RoomState, command: SaleSchedule, actor: str, sale: str) -> int:
        window = await asked(
            self._pools.schedule(
                state.id,
                sale,
                command.sku,
                price=command.price,
                currency=state.currency,
                stock=command.stock,
                starts_at=command.starts_at,
                starts_in_ms=command.starts_in_ms,
                duration_ms=command.duration_ms,
                per_user_limit=command.per_user_limit,
                hold_ms=command.hold_ms,
            )
        )
        try:
            return await self._commit(state.id, command, actor, Facts(sale=sale, window=window))
        except Refused:
            _logger.warning("a scheduled sale found no place in its room", room=state.id, sale=sale)
            await self._close(state.id, [sale], "cancelled")
            raise

    async def _commit(
        self,
        room: str,
        command: RoomCommand,
        actor: str,
        facts: Facts,
        levels: Mapping[str, Counts] | None = None,
    ) -> int:
        """Decide on the room as it is now and log that, again while others are faster."""
        now = await self._log.now()
        for _ in range(ATTEMPTS):
            state = await self._load(room)
            for key, counts in (levels or {}).items():
                state.set_stock({key: counts.available})
                state.set_totals({key: counts.total})
            events = decide(state, command, actor=actor, now=now, facts=facts)
            if not events:
                return state.seq
            try:
                return await self._log.append(state, events)
            except SequenceConflict:
                continue
        raise Refused(ErrorCode.UNAVAILABLE, "the room is changing too fast; try again")
