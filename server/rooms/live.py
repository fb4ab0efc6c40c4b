"""A room as this process holds it: its state, its ring, its broadcast, its members.

Everything true comes from the store, over the room's channel and the log behind it; a hole in
`seq` (a lost message, a store that restarted) is mended from the log before anything is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from msgspec.structs import replace

from schemas.codecs import Codec
from schemas.codes import CloseCode, RoomStatus
from schemas.events import (
    Danmaku,
    DanmakuRecalled,
    Dashboard,
    Error,
    Kicked,
    Muted,
    OrderUpdated,
    ProductUnmounted,
    ProductUpdated,
    SaleEnded,
    SaleSoldOut,
    SequencedEvent,
)
from schemas.events import RoomState as RoomStateEvent
from schemas.models import Order, RoomSnapshot
from server.fanout.broadcast import Broadcast
from server.rooms.log import RoomLog
from server.rooms.metrics import RELOADS
from server.rooms.moderation import FOREVER, Moderation, Silence, Standing
from server.rooms.notices import (
    DirectNotice,
    OrderNotice,
    PresenceNotice,
    StockNotice,
    decode_chat,
    decode_direct,
    decode_entry,
    decode_orders,
    decode_presence,
    decode_stock,
)
from server.rooms.recent import CLOCK_SLACK_MS, RecentChat
from server.rooms.recovery import Recovery
from server.rooms.standings import Standings
from server.rooms.state import RoomState
from server.valkey import StoreUnavailable

log = structlog.get_logger("miaodan.rooms")

RETRY_SECONDS = 0.5


class Wiring(Protocol):
    """What the composition root lends a room from the other wings."""

    async def stock(self, room: str) -> StockNotice:
        """What is available, and what there is in all."""

    def heard_stock(self, room: str, stock: dict[str, int], buyers: list[str]) -> None:
        """The store says so many units are available, and whose orders were held with it."""

    def lost_stock(self, room: str) -> None:
        """Some of that may not have been heard."""

    def decode_order(self, record: bytes) -> Order: ...


class LiveRoom:
    """`chat_out` and `likes_out` wait for the process's next publish and presence report."""

    def __init__(
        self,
        state: RoomState,
        broadcast: Broadcast,
        room_log: RoomLog,
        moderation: Moderation,
        wiring: Wiring,
        ring_length: int,
        chat_queue: int,
        publish: Callable[[], None],
    ) -> None:
        self.state = state
        self.broadcast = broadcast
        self.online = 0
        self.peak = 0
        self.likes = 0
        self.chat_out: list[Danmaku] = []
        self.likes_out = 0
        self.chat_seen = 0
        self.recent = RecentChat()
        self.standings = Standings()
        self.moderations = 0
        self.recovery = Recovery(room_log, state.id, state.epoch, state.seq, ring_length)
        self._log = room_log
        self._moderation = moderation
        self._wiring = wiring
        self._snapshots: dict[Codec, bytes] = {}
        self._chat_queue = chat_queue
        self._publish = publish
        self._mending: asyncio.Task[None] | None = None
        self._mend_again = False
        self.ready = asyncio.Event()

    @property
    def id(self) -> str:
        return self.state.id

    # ---- what members see -------------------------------------------------------------------

    def snapshot(self) -> RoomSnapshot:
        """The room now, with the stock and counters of this moment."""
        self.state.online, self.state.likes = self.online, self.likes
        return self.state.snapshot()

    def encoded_snapshot(self, codec: Codec) -> bytes:
        """`snapshot` in this codec, made once until something in it changes."""
        encoded = self._snapshots.get(codec)
        if encoded is None:
            encoded = self._snapshots[codec] = codec.encode(self.snapshot())
        return encoded

    def numbers(self, now: int) -> RoomStateEvent:
        """Every L2 value of this moment; `now` in server milliseconds."""
        stock = {sku: product.available for sku, product in self.state.products.items()}
        total = {sku: product.total for sku, product in self.state.products.items()}
        for sale in self.state.active_sales():
            stock[sale.sale], total[sale.sale] = sale.available, sale.total
        return RoomStateEvent(
            server_time=now,
            online=self.online,
            likes=self.likes,
            stock=stock,
            countdown=self.state.countdowns(now),
            total=total,
        )

    async def missed(self, codec: Codec, epoch: str, seq: int) -> list[bytes] | None:
        """Every event after `seq`, all of them and up to `state.seq`, encoded; else None. A shared list.

        Raises StoreUnavailable.
        """
        return await self.recovery.missed(codec, epoch, seq)

    def say(self, message: Danmaku) -> bool:
        """Queue a danmaku for the next publish; False when the queue is full."""
        if len(self.chat_out) >= self._chat_queue:
            return False
        self.chat_out.append(message)
        self._publish()
        return True

    def like(self, count: int) -> None:
        self.likes_out += count

    # ---- what the channel says --------------------------------------------------------------

    def heard(self, kind: bytes, body: bytes) -> None:
        """One message of the channel; `R`: some may have been lost, `X`: from now on some may be."""
        match kind:
            case b"L":
                entry = decode_entry(body)
                self._advance(entry.epoch, entry.seq, entry.event)
            case b"C":
                self._chat(decode_chat(body))
            case b"S":
                told = decode_stock(body)
                self._stock(told)
                self._wiring.heard_stock(self.state.id, told.stock, told.buyers)
            case b"O":
                for notice in decode_orders(body):
                    self._order(notice)
            case b"N":
                self._presence(decode_presence(body))
            case b"D":
                self._direct(decode_direct(body))
            case b"R":
                self.standings.doubt()
                self._wiring.lost_stock(self.state.id)
                self.mend()
            case b"X":
                self.standings.lose()
                self._wiring.lost_stock(self.state.id)
            case _:
                log.warning("unknown message kind", kind=kind, room=self.state.id)

    def _advance(self, epoch: str, seq: int, event: SequencedEvent) -> None:
        if epoch != self.state.epoch:
            self.mend()
        elif seq == self.state.seq + 1:
            self._apply(seq, event)
        elif seq > self.state.seq:
            self.mend()

    def _apply(self, seq: int, event: SequencedEvent) -> None:
        event.seq = seq
        if isinstance(event, ProductUpdated) and event.product.sku in self.state.products:
            # The numbers in the log are as old as the command; this room knows newer ones.
            known = self.state.products[event.product.sku]
            product = replace(event.product, available=known.available, total=known.total)
            event = ProductUpdated(seq=seq, product=product)
        sold_out_with = 0
        if isinstance(event, SaleSoldOut) and event.sale in self.state.sales:
            sold_out_with = self.state.sales[event.sale].available
        self.state.apply(seq, event)
        self.recovery.append(seq, event)
        self._snapshots.clear()
        if isinstance(event, SaleSoldOut) and sold_out_with:
            # A unit came back before the log said that there was none: the number of now comes last.
            self.state.set_stock({event.sale: sold_out_with})
            self.broadcast.forget(("stock", event.sale))
            self.broadcast.state(("stock", event.sale), sold_out_with)
        match event:
            case ProductUnmounted(sku=sku):
                self.broadcast.forget(("stock", sku))
                self.broadcast.forget(("total", sku))
            case SaleEnded(sale=ended):
                self.broadcast.forget(("stock", ended))
                self.broadcast.forget(("total", ended))
                self.broadcast.forget(("countdown", ended))
            case DanmakuRecalled(message=message):
                self.broadcast.recall(message)
                self.recent.recalled(message)
            case _:
                pass
        self.broadcast.sequenced(event)

    def _chat(self, messages: list[Danmaku]) -> None:
        self.chat_seen += len(messages)
        # A mute overtakes what its user said just before: that waited for the process's next publish.
        # In doubt all is kept: who is listed may have been let speak unheard, and the reading drops the rest.
        known = self.standings.known
        self.recent.heard([one for one in messages if not known or not self.standings.listed(one.user.id)])
        for message in messages:
            self.broadcast.chat(message)

    def _stock(self, told: StockNotice) -> None:
        for key, available in self.state.set_stock(told.stock).items():
            self._snapshots.clear()
            self.broadcast.state(("stock", key), available)
        for key, total in self.state.set_totals(told.total).items():
            self._snapshots.clear()
            self.broadcast.state(("total", key), total)

    def _presence(self, notice: PresenceNotice) -> None:
        self.online, self.peak, self.likes = notice.online, notice.peak, notice.likes
        self._snapshots.clear()
        self.broadcast.state(("online", ""), notice.online)
        self.broadcast.state(("likes", ""), notice.likes)

    def _order(self, notice: OrderNotice) -> None:
        members = self.broadcast.of_user(notice.user)
        if members:
            order = self._wiring.decode_order(bytes(notice.order))
            self.broadcast.direct(members, OrderUpdated(order=order))
            if (error := notice.error) is not None:
                self.broadcast.direct(
                    members, Error(code=error.code, message=error.message, order=order.order)
                )

    def _direct(self, notice: DirectNotice) -> None:
        self.moderations += 1
        self.standings.heard(notice)
        if notice.kind != "unmute":
            self.recent.silenced({notice.user})
        members = self.broadcast.of_user(notice.user)
        match notice.kind:
            case "mute":
                self.broadcast.direct(members, Muted(until=notice.until, reason=notice.reason))
            case "unmute":
                self.broadcast.direct(members, Muted(until=0, reason=notice.reason))
            case "kick":
                self._kick(notice.user, notice.reason)
            case _:
                log.warning("unknown notice", kind=notice.kind)

    def _tell_muted(self, user: str, silence: Silence | None) -> None:
        """None: they may speak again."""
        until = 0 if silence is None else None if silence.until >= FOREVER else silence.until
        reason = "" if silence is None else silence.reason
        self.broadcast.direct(self.broadcast.of_user(user), Muted(until=until, reason=reason))

    def _kick(self, user: str, reason: str) -> None:
        members = self.broadcast.of_user(user)
        self.broadcast.direct(members, Kicked(reason=reason))
        for member in members:
            self.broadcast.close(member, CloseCode.KICKED, reason)

    async def standing(self, user: str, now: int) -> Standing:
        """Whether `user` may enter and speak at `now`; the store is asked only where this process is in
        doubt. Raises StoreUnavailable."""
        known = self.standings.of(user, now)
        if known is not None:
            return known
        moderations = self.moderations
        asked = await self._moderation.standing(self.state.id, user)
        if self.moderations == moderations:
            self.standings.learnt(user, asked)
        return asked

    def muted_until(self, user: str, now: int) -> int | None:
        """Milliseconds left until `user` may speak again; None when they may, -1 for good."""
        return self.standings.muted_until(user, now)

    # ---- mending ----------------------------------------------------------------------------

    def mend(self) -> None:
        """Read from the store what the channel may have lost; one reader at a time."""
        if self._mending is not None and not self._mending.done():
            self._mend_again = True
            return
        self._mending = asyncio.get_running_loop().create_task(self._mend())

    async def _mend(self) -> None:
        self._mend_again = True
        while self._mend_again:
            self._mend_again = False
            try:
                await self._catch_up()
                self._stock(await self._wiring.stock(self.state.id))
                await self._learn_standings()
                self.ready.set()
            except StoreUnavailable as error:
                log.warning("room waits for the store", room=self.state.id, error=str(error))
                self._mend_again = True
                await asyncio.sleep(RETRY_SECONDS)

    async def _catch_up(self) -> None:
        room = self.state.id
        entries = await self._log.since(room, self.state.epoch, self.state.seq)
        if entries is not None:
            for seq, event in entries:
                self._advance(self.state.epoch, seq, event)
            return
        fresh = await self._log.load(room)
        RELOADS.inc()
        code = CloseCode.DRAINING if fresh is not None else CloseCode.NO_SUCH_ROOM
        log.warning("room reloaded", room=room, found=fresh is not None)
        for member in self.broadcast.members():
            self.broadcast.close(member, code)
        if fresh is not None:
            self.state = fresh
            self.recovery.restart(fresh.epoch, fresh.seq)
            self.recent.forget()  # what was recalled meanwhile is not known
            self._snapshots.clear()

    async def _learn_standings(self) -> None:
        """Read who is silenced, where that is in doubt. Who was kicked unheard goes now, who was muted or
        may speak again is told, and what was said before a mute that has ended already is shown no more."""
        while self.standings.wanting:
            reading = self.standings.reading()
            oldest = self.recent.oldest_at
            since = FOREVER if oldest is None else oldest - CLOCK_SLACK_MS
            found = await self._moderation.silenced(self.state.id, since)
            unheard = self.standings.read(reading, found.muted, found.kicked)
            if unheard is not None:
                self.moderations += 1  # a hello under way looks again
                self.recent.silenced(self.standings.users)
                self.recent.silenced_since(found.lately)
                for user, silence in unheard.muted.items():
                    self._tell_muted(user, silence)
                for user, reason in unheard.kicked.items():
                    self._kick(user, reason)

    # ---- each second ------------------------------------------------------------------------

    def beat(self, now: int) -> None:
        """Countdown courtesy beats for the sales that run; `now` in server milliseconds."""
        self.standings.forget(now)
        if self.state.status is RoomStatus.ENDED:
            return
        for sale, countdown in self.state.countdowns(now).items():
            self.broadcast.state(("countdown", sale), countdown)

    async def dashboard(self, load: Callable[[str], Awaitable[Dashboard]]) -> None:
        """Tell the control sockets how it goes."""
        watching = self.broadcast.control()
        rate, self.chat_seen = self.chat_seen, 0
        if not watching:
            return
        board = await load(self.state.id)
        board.online, board.peak_online, board.danmaku_rate = self.online, self.peak, float(rate)
        self.broadcast.direct(watching, board)

    def take_chat(self) -> list[Danmaku]:
        """What waits to be published."""
        waiting, self.chat_out = self.chat_out, []
        return waiting

    def stop(self) -> None:
        self.broadcast.stop()
        if self._mending is not None:
            self._mending.cancel()
