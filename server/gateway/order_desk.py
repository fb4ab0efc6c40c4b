"""HTTP calls of back-office systems: orders shipped, delivered and refunded; what was done in a room."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.codes import ErrorCode, Role
from schemas.commands import OrderDeliver, OrderRefund, OrderShip, RefundApprove, RefundDecline, ShopCommand
from schemas.http import RefundAsk, RefundRefusal
from server.gateway.callers import ApiError, Callers, decoded, guarded, json_response, page_of
from server.gateway.doorway import Doorway
from server.orders.actions import Act
from server.orders.ledger import Ledger
from server.orders.outcomes import Outcome
from server.orders.records import StoredOrder
from server.trust.tokens import Identity

_ASK = msgspec.json.Decoder(RefundAsk)
_REFUSAL = msgspec.json.Decoder(RefundRefusal)


class OrderDesk:
    """Handlers. An order that somebody may not see does not exist for them."""

    def __init__(self, door: Doorway, callers: Callers, ledger: Ledger) -> None:
        self._door = door
        self._callers = callers
        self._ledger = ledger

    def routes(self) -> list[Route]:
        order = "/api/v1/orders/{order}"
        return [
            Route(f"{order}/ship", guarded(self.ship), methods=["POST"]),
            Route(f"{order}/deliver", guarded(self.deliver), methods=["POST"]),
            Route(f"{order}/refund", guarded(self.refund), methods=["POST"]),
            Route(f"{order}/refund/approve", guarded(self.approve), methods=["POST"]),
            Route(f"{order}/refund/decline", guarded(self.decline), methods=["POST"]),
            Route("/api/v1/rooms/{room}/actions", guarded(self.actions), methods=["GET"]),
        ]

    # ---- orders -----------------------------------------------------------------------------

    async def ship(self, request: Request) -> Response:
        return await self._manage(request, OrderShip(order=request.path_params["order"]))

    async def deliver(self, request: Request) -> Response:
        return await self._manage(request, OrderDeliver(order=request.path_params["order"]))

    async def approve(self, request: Request) -> Response:
        return await self._manage(request, RefundApprove(order=request.path_params["order"]))

    async def decline(self, request: Request) -> Response:
        wanted = await decoded(request, _REFUSAL)
        command = RefundDecline(order=request.path_params["order"], reason=wanted.reason)
        return await self._manage(request, command)

    async def refund(self, request: Request) -> Response:
        """As the host where the caller is one, else as the buyer."""
        identity = self._callers.need_identity(request)
        wanted = await decoded(request, _ASK)
        if wanted.amount is not None and wanted.request_id is None:
            message = "a refund of a part needs one: asked again it is the same refund"
            raise ApiError(ErrorCode.INVALID, message, "request_id")
        record, sells = await self._order(request, identity)
        command = OrderRefund(
            order=record.order, reason=wanted.reason, amount=wanted.amount, request_id=wanted.request_id
        )
        if sells:
            return await self._carry_out(record, Act(identity.user, identity.role, command))
        wait = self._door.allowance.orders.take(identity.user, self._door.clock())
        if wait:
            raise ApiError(ErrorCode.RATE_LIMITED, "too many orders")
        answer = _Answer()
        self._door.orders.refund(record.room, identity.user, command, answer.given)
        return await answer.response()

    async def _manage(self, request: Request, command: ShopCommand) -> Response:
        identity = self._callers.need_identity(request)
        record, sells = await self._order(request, identity)
        if not sells:
            raise ApiError(ErrorCode.FORBIDDEN, "only a host of the room or an operator does that")
        return await self._carry_out(record, Act(identity.user, identity.role, command))

    async def _carry_out(self, record: StoredOrder, act: Act) -> Response:
        answer = _Answer()
        self._door.orders.manage(record.room, act, answer.given)
        return await answer.response()

    async def _order(self, request: Request, identity: Identity) -> tuple[StoredOrder, bool]:
        """The order, and whether the caller sells it; else they bought it."""
        record = await self._door.orders.stored(request.path_params["order"])
        if record is not None:
            if await self._sells(identity, record.room):
                return record, True
            if identity.user == record.user and identity.room in (None, record.room):
                return record, False
        raise ApiError(ErrorCode.NOT_FOUND, "no such order")

    async def _sells(self, identity: Identity, room: str) -> bool:
        if identity.room not in (None, room):
            return False
        if identity.role is Role.OPERATOR:
            return True
        return identity.role is Role.HOST and await self._callers.hosts(identity, room)

    # ---- what was done ----------------------------------------------------------------------

    async def actions(self, request: Request) -> Response:
        identity = self._callers.need_identity(request)
        cursor, limit = page_of(request)
        room = request.path_params["room"]
        if not await self._sells(identity, room):
            raise ApiError(ErrorCode.FORBIDDEN, "only a host of the room or an operator sees that")
        try:
            return json_response(await self._ledger.actions(room, cursor=cursor, limit=limit))
        except ValueError as error:
            raise ApiError(ErrorCode.INVALID, str(error), "cursor") from None


class _Answer:
    """What the order wing says through its callback, awaited."""

    def __init__(self) -> None:
        self._future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def given(self, outcome: Outcome) -> None:
        if not self._future.done():  # the caller may have gone
            self._future.set_result(outcome)

    async def response(self) -> Response:
        outcome = await self._future
        if outcome.code is not None or outcome.order is None:
            raise ApiError(outcome.code or ErrorCode.UNAVAILABLE, outcome.message)
        return json_response(outcome.order)
