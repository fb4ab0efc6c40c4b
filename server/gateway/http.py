"""The HTTP API: rooms, orders from the ledger, the payment webhook, documents, health."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schemas.codes import ErrorCode, OrderStatus, Role
from schemas.documents import load as load_document
from schemas.http import (
    SIGNATURE_HEADER,
    Health,
    Ready,
    RoomCreate,
    RoomList,
)
from schemas.models import RoomSnapshot
from server.gateway.callers import ApiError, Callers, decoded, guarded, json_response, page_of, read_body
from server.gateway.doorway import Doorway
from server.gateway.order_desk import OrderDesk
from server.ops.metrics import exposition
from server.orders.ledger import Ledger
from server.orders.payments import PaymentDesk
from server.trust.roles import may_create

_ROOM_CREATE = msgspec.json.Decoder(RoomCreate)


class Api:
    """Handlers over what the composition root built."""

    def __init__(
        self,
        door: Doorway,
        ledger: Ledger,
        desk: PaymentDesk,
        store_ready: Callable[[], Awaitable[bool]],
        store_verified: Callable[[], Awaitable[bool]],
        ledger_ready: Callable[[], Awaitable[bool]],
    ) -> None:
        self._door = door
        self._callers = Callers(door)
        self._ledger = ledger
        self._desk = desk
        self._store_ready = store_ready
        self._store_verified = store_verified
        self._ledger_ready = ledger_ready

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/v1/rooms", guarded(self.create_room), methods=["POST"]),
            Route("/api/v1/rooms", guarded(self.list_rooms), methods=["GET"]),
            Route("/api/v1/rooms/{room}", guarded(self.show_room), methods=["GET"]),
            Route("/api/v1/orders", guarded(self.list_orders), methods=["GET"]),
            Route("/api/v1/orders/{order}", guarded(self.show_order), methods=["GET"]),
            *OrderDesk(self._door, self._callers, self._ledger).routes(),
            Route("/api/v1/payments/webhook", guarded(self.webhook), methods=["POST"]),
            Route("/api/openapi.json", self.openapi, methods=["GET"]),
            Route("/api/asyncapi.json", self.asyncapi, methods=["GET"]),
            Route("/health", self.health, methods=["GET"]),
            Route("/ready", self.ready, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
        ]

    # ---- rooms ------------------------------------------------------------------------------

    async def create_room(self, request: Request) -> Response:
        identity = self._callers.need_identity(request)
        if not may_create(identity, identity.room):
            raise ApiError(ErrorCode.FORBIDDEN, "only a host or an operator creates rooms")
        wanted = await decoded(request, _ROOM_CREATE)
        if not may_create(identity, wanted.id):
            raise ApiError(ErrorCode.FORBIDDEN, "this token may not create that room")
        state = await self._door.room_log.create(wanted, identity.user, self._door.clock())
        return json_response(state.snapshot(), 201)

    async def list_rooms(self, request: Request) -> Response:
        cursor, limit = page_of(request)
        identity = self._callers.identity(request)
        rooms, following = await self._door.room_log.live(cursor, limit)
        shown = [room for room in rooms if room.guests or identity is not None]
        return json_response(RoomList(rooms=[await self._current(room) for room in shown], cursor=following))

    async def show_room(self, request: Request) -> Response:
        room_id = request.path_params["room"]
        identity = self._callers.identity(request)
        state = await self._door.room_log.load(room_id)
        if state is None:
            raise ApiError(ErrorCode.NOT_FOUND, "no such room")
        snapshot = state.snapshot()
        if identity is None and not snapshot.guests:
            raise ApiError(ErrorCode.UNAUTHORIZED, "this room admits no guests")
        if identity is not None and identity.room not in (None, room_id):
            raise ApiError(ErrorCode.FORBIDDEN, "the token is for another room")
        return json_response(await self._current(snapshot))

    async def _current(self, snapshot: RoomSnapshot) -> RoomSnapshot:
        """With the stock and counters of this moment."""
        counts = await self._door.orders.counts(snapshot.id)
        for product in snapshot.products:
            if product.sku in counts:
                product.available = counts[product.sku].available
        for sale in snapshot.sales:
            if sale.sale in counts:
                sale.available = counts[sale.sale].available
        live = self._door.rooms.find(snapshot.id)
        if live is not None:
            snapshot.online, snapshot.likes = live.online, live.likes
        return snapshot

    # ---- orders -----------------------------------------------------------------------------

    async def list_orders(self, request: Request) -> Response:
        identity = self._callers.need_identity(request)
        room = request.query_params.get("room")
        status = self._status(request)
        cursor, limit = page_of(request)
        user: str | None = identity.user
        if identity.role is Role.OPERATOR:
            user = None
        elif identity.role is Role.HOST and room is not None:
            await self._callers.must_host(identity, room)
            user = None
        if identity.room is not None:
            if room not in (None, identity.room):
                raise ApiError(ErrorCode.FORBIDDEN, "the token is for another room", "room")
            room = identity.room
        try:
            found = await self._ledger.orders(user=user, room=room, status=status, cursor=cursor, limit=limit)
        except ValueError as error:
            raise ApiError(ErrorCode.INVALID, str(error), "cursor") from None
        return json_response(found)

    async def show_order(self, request: Request) -> Response:
        identity = self._callers.need_identity(request)
        record = await self._ledger.order(request.path_params["order"])
        if record is None:
            raise ApiError(ErrorCode.NOT_FOUND, "no such order")
        if identity.role is not Role.OPERATOR and record.user != identity.user:
            hosted = identity.role is Role.HOST and record.room is not None
            if not hosted or not await self._callers.hosts(identity, record.room or ""):
                raise ApiError(ErrorCode.NOT_FOUND, "no such order")
        return json_response(record)

    # ---- payments ---------------------------------------------------------------------------

    async def webhook(self, request: Request) -> Response:
        body = await read_body(request)
        signature = request.headers.get(SIGNATURE_HEADER, "")
        return json_response(await self._desk.notice(body, signature, int(time.time() * 1000)))

    # ---- documents and health ---------------------------------------------------------------

    async def openapi(self, request: Request) -> Response:
        return Response(load_document("openapi"), media_type="application/json")

    async def asyncapi(self, request: Request) -> Response:
        return Response(load_document("asyncapi"), media_type="application/json")

    async def health(self, request: Request) -> Response:
        return json_response(Health(status="ok"))

    async def ready(self, request: Request) -> Response:
        store, verified, ledger = await asyncio.gather(
            self._store_ready(), self._store_verified(), self._ledger_ready()
        )
        draining = self._door.draining
        # Without its ledger a node sells all the same: the outbox keeps what the ledger is to know.
        ready = store and verified and not draining
        body = Ready(
            ready=ready,
            store=store,
            ledger=ledger,
            draining=draining,
            degraded=ready and not ledger,
            frozen=store and not verified,
        )
        return json_response(body, 200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        content, media_type = exposition()
        return Response(content, media_type=media_type)

    # ---- query parameters -------------------------------------------------------------------

    @staticmethod
    def _status(request: Request) -> OrderStatus | None:
        text = request.query_params.get("status")
        if text is None:
            return None
        try:
            return OrderStatus(text)
        except ValueError:
            words = ", ".join(status.value for status in OrderStatus)
            raise ApiError(ErrorCode.INVALID, f"expected one of {words}", "status") from None
