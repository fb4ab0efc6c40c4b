"""What a viewer may do in a room (speak, like, buy), and a host to its orders.

Orders answer through callbacks, nothing waits.
"""

from __future__ import annotations

import uuid_utils
from msgspec import Struct

from schemas.codes import ErrorCode, RoomStatus
from schemas.commands import (
    Command,
    DanmakuSend,
    Like,
    OrderCancel,
    OrderDeliver,
    OrderGet,
    OrderPay,
    OrderPlace,
    OrderRefund,
    OrderShip,
    RefundApprove,
    RefundDecline,
    ShopCommand,
    command_type,
)
from schemas.events import Danmaku, DanmakuAccepted, Done, Error, OrderAccepted, OrderUpdated
from schemas.models import User
from server.fanout.member import Member
from server.gateway.doorway import Doorway
from server.gateway.metrics import ERRORS
from server.orders.actions import Act
from server.orders.newcomers import Visit
from server.orders.service import Outcome
from server.rooms.live import LiveRoom
from server.trust.shown_text import shown_text


class Viewer:
    """One member's commands, carried out."""

    __slots__ = ("_door", "_member", "_room", "_user", "_visit")

    def __init__(
        self, door: Doorway, room: LiveRoom, member: Member, user: User, visit: Visit | None
    ) -> None:
        """`visit`: how this user stands in the room; None for a guest."""
        self._door = door
        self._room = room
        self._member = member
        self._user = user
        self._visit = visit

    def refuse(
        self,
        command_id: int | None,
        code: ErrorCode,
        message: str,
        *,
        field: str | None = None,
        retry_after_ms: int | None = None,
        order: str | None = None,
    ) -> None:
        """One `error`."""
        ERRORS.add(code.value)
        self._reply(
            Error(
                id=command_id,
                code=code,
                message=message,
                field=field,
                retry_after_ms=retry_after_ms,
                order=order,
            )
        )

    def _reply(self, event: Struct) -> None:
        self._room.broadcast.reply(self._member, event)

    def execute(self, command: Command) -> None:
        """Reply exactly once, now or from a callback (`like` has no reply). `order.get`: see `look_up`."""
        match command:
            case DanmakuSend():
                self._speak(command)
            case Like():
                self._like(command)
            case OrderPlace():
                self._place(command)
            case OrderPay() | OrderCancel() | OrderRefund():
                self._change(command)
            case OrderShip() | OrderDeliver() | RefundApprove() | RefundDecline():
                self._manage(command)
            case _:
                raise TypeError(f"{command_type(command)} is not carried out here")

    # ---- chat -------------------------------------------------------------------------------

    def _speak(self, command: DanmakuSend) -> None:
        now = self._door.clock()
        text = shown_text(command.text)
        if not text:
            self.refuse(command.id, ErrorCode.INVALID, "nothing in it that can be seen", field="text")
            return
        left = self._room.muted_until(self._user.id, now)
        if left is not None:
            self.refuse(
                command.id, ErrorCode.MUTED, "muted by the host", retry_after_ms=left if left > 0 else None
            )
            return
        if self._room.state.status is RoomStatus.ENDED:
            self.refuse(command.id, ErrorCode.CONFLICT, "the room has ended")
            return
        wait = self._door.allowance.danmaku.take(self._user.id, now)
        if wait:
            self.refuse(command.id, ErrorCode.RATE_LIMITED, "too many danmaku", retry_after_ms=wait)
            return
        if self._door.words.blocked(text):
            self.refuse(command.id, ErrorCode.BLOCKED_WORDS, "these words are not allowed here", field="text")
            return
        message = Danmaku(message="m" + uuid_utils.uuid7().hex, user=self._user, text=text, at=now)
        if self._room.say(message):
            self._reply(DanmakuAccepted(id=command.id, message=message.message))
        else:
            self.refuse(command.id, ErrorCode.RATE_LIMITED, "the room is too loud", retry_after_ms=1_000)

    def _like(self, command: Like) -> None:
        now, likes = self._door.clock(), self._door.allowance.likes
        taken = likes.take_up_to(self._user.id, now, command.count)
        if taken:
            self._room.like(taken)
        else:
            wait = likes.take(self._user.id, now) or 1
            self.refuse(command.id, ErrorCode.RATE_LIMITED, "too many likes", retry_after_ms=wait)

    # ---- orders -----------------------------------------------------------------------------

    def _may_order(self, command_id: int) -> bool:
        wait = self._door.allowance.orders.take(self._user.id, self._door.clock())
        if wait:
            self.refuse(command_id, ErrorCode.RATE_LIMITED, "too many orders", retry_after_ms=wait)
        return not wait

    def _place(self, command: OrderPlace) -> None:
        if (command.sku is None) == (command.sale is None):
            field = "sku" if command.sku is None else "sale"
            self.refuse(command.id, ErrorCode.INVALID, "exactly one of sku and sale", field=field)
            return
        if not self._may_order(command.id):
            return

        state = self._room.state
        over = state.status is RoomStatus.ENDED

        def done(outcome: Outcome) -> None:
            if over and outcome.code is ErrorCode.NOT_OPEN:
                self.refuse(command.id, ErrorCode.SALE_ENDED, "the room has ended")
            else:
                self._answer(command.id, outcome)

        self._door.orders.place(
            self._room.id,
            self._user.id,
            command,
            state.currency,
            done,
            live=state.status is RoomStatus.LIVE,
            visit=self._visit,
        )

    def _change(self, command: OrderPay | OrderCancel | OrderRefund) -> None:
        if not self._may_order(command.id):
            return

        def done(outcome: Outcome) -> None:
            self._answer(command.id, outcome)

        room, user, orders = self._room.id, self._user.id, self._door.orders
        match command:
            case OrderPay(order=order):
                orders.pay(room, user, order, done)
            case OrderCancel(order=order):
                orders.cancel(room, user, order, done)
            case OrderRefund(amount=amount, request_id=request_id):
                if amount is not None and request_id is None:
                    message = "a refund of a part needs one: asked again it is the same refund"
                    self.refuse(command.id, ErrorCode.INVALID, message, field="request_id")
                else:
                    orders.refund(room, user, command, done)

    def _manage(self, command: ShopCommand) -> None:
        def done(outcome: Outcome) -> None:
            if outcome.code is None:
                self._reply(Done(id=command.id, seq=0))
            else:
                wait = outcome.retry_after_ms
                self.refuse(command.id, outcome.code, outcome.message, retry_after_ms=wait)

        self._door.orders.manage(self._room.id, Act(self._user.id, self._user.role, command), done)

    def _answer(self, command_id: int, outcome: Outcome) -> None:
        if outcome.code is None and outcome.order is not None:
            self._reply(OrderAccepted(id=command_id, order=outcome.order, replayed=outcome.replayed))
            return
        if outcome.order is not None:
            self._reply(OrderUpdated(order=outcome.order))
        self.refuse(
            command_id,
            outcome.code or ErrorCode.UNAVAILABLE,
            outcome.message,
            retry_after_ms=outcome.retry_after_ms,
            order=outcome.order.order if outcome.order is not None else None,
        )

    async def look_up(self, command: OrderGet) -> None:
        """Answer `order.get` from the store. Raises StoreUnavailable."""
        if (command.order is None) == (command.request_id is None):
            field = "order" if command.order is None else "request_id"
            self.refuse(command.id, ErrorCode.INVALID, "exactly one of order and request_id", field=field)
            return
        order = await self._door.orders.get(
            self._room.id, self._user.id, order_id=command.order, request_id=command.request_id
        )
        if order is None:
            self.refuse(command.id, ErrorCode.NOT_FOUND, "no such order")
        else:
            self._reply(OrderAccepted(id=command.id, order=order))
