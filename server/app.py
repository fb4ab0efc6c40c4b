"""The one composition root: builds every part, wires the wings, runs a gateway or a back office."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import uuid
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import structlog
import uvloop
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute

from schemas.codes import ErrorCode
from schemas.events import Dashboard
from schemas.models import Order, OrderCounts, ProductCounts
from server.fanout.sender import find_sender
from server.gateway import demo_tokens, sdk
from server.gateway.callers import error_response
from server.gateway.clock import StoreClock
from server.gateway.connection import Socket
from server.gateway.cross_origin import CrossOrigin
from server.gateway.doorway import Allowance, Doorway
from server.gateway.http import Api
from server.gateway.page_headers import OTHER_HEADERS, SafeHeaders
from server.gateway.pages import Pages
from server.gateway.server import GatewayServer, configure
from server.gateway.upkeep import drain, sweep
from server.ops.collector import collect_regularly, collect_seldom
from server.ops.health import Probe
from server.orders.backlog import BacklogWatch, LedgerCheck
from server.orders.consumer import LedgerConsumer
from server.orders.database import ledger_url
from server.orders.errors import LedgerError
from server.orders.ledger import Ledger
from server.orders.payments import PaymentDesk
from server.orders.poller import ChargePoller
from server.orders.provider import PaymentProvider
from server.orders.records import decode_order
from server.orders.refund_sweeper import RefundSweeper
from server.orders.sandbox_client import SandboxClient
from server.orders.service import OrderService
from server.orders.sweeper import HoldSweeper, ReturnSweeper
from server.orders.verified import StoreCheck
from server.orders.verifier import Verifier
from server.orders.watermark import FILE as WATERMARK_FILE
from server.orders.watermark import Watermark
from server.rooms.bus import RoomBus
from server.rooms.control import RoomControl
from server.rooms.log import RoomLog
from server.rooms.moderation import Moderation
from server.rooms.notices import StockNotice
from server.rooms.presence import Presence
from server.rooms.registry import LiveRooms
from server.rooms.sale_clock import SaleClock
from server.settings import Settings
from server.trust.limits import Buckets, Concurrent
from server.trust.origins import Origins
from server.trust.tokens import PROVIDER_KEY_FILE, WEBHOOK_KEY_FILE, Tokens, load_key
from server.trust.turnstile import Turnstile
from server.trust.words import Words
from server.valkey import StoreUnavailable, connect, embedded_url

log = structlog.get_logger("miaodan")

BACKOFFICE_NICENESS = 5
LAST_WRITES_SECONDS = 10.0
"""How long a back office that stops may take to bring the ledger up to date."""


def store_url(settings: Settings) -> str:
    """The store this process talks to."""
    return settings.server.redis_url or embedded_url(Path(settings.server.data_dir))


def payment_provider(settings: Settings) -> PaymentProvider:
    """Who takes the money. `serve` has put the URL of its sandbox in. Raises BadKey."""
    payments = settings.payments
    key = payments.provider_key or load_key(Path(settings.server.data_dir), PROVIDER_KEY_FILE)
    return SandboxClient(payments.provider, key, payments.timeout_ms)


class Wiring:
    """What rooms and orders hear from one another, without knowing each other."""

    def __init__(self, orders: OrderService) -> None:
        self._orders = orders

    async def stock(self, room: str) -> StockNotice:
        counts = await self._orders.counts(room)
        return StockNotice(
            stock={key: pool.available for key, pool in counts.items()},
            total={key: pool.total for key, pool in counts.items()},
        )

    def heard_stock(self, room: str, stock: dict[str, int], buyers: list[str]) -> None:
        self._orders.local.stock(room, stock, buyers)

    def lost_stock(self, room: str) -> None:
        self._orders.local.doubt(room)

    def decode_order(self, record: bytes) -> Order:
        return decode_order(record)

    async def dashboard(self, room: str) -> Dashboard:
        """Orders and revenue of a room; the room adds what it knows itself."""
        board = Dashboard(orders=OrderCounts())
        for key, counts in (await self._orders.counts(room)).items():
            board.orders.reserved += counts.orders_reserved
            board.orders.paid += counts.orders_paid
            board.orders.refunded += counts.orders_refunded
            board.revenue += counts.revenue
            # A sale's units were taken out of its product's: sold and held are the product's too.
            product = board.products.setdefault(counts.sku, ProductCounts())
            product.sold += counts.sold
            product.held += counts.held
            if counts.is_sale:
                board.products[key] = ProductCounts(
                    sold=counts.sold, held=counts.held, available=counts.available
                )
            else:
                product.available = counts.available
        return board


class Gateway:
    """One gateway worker: the ASGI application and everything behind it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        client = connect(store_url(settings), name="miaodan-gateway")
        self._client = client
        self._clock = StoreClock(client)
        data_dir = Path(settings.server.data_dir)
        self._provider = payment_provider(settings)
        self._orders = OrderService(client, settings.orders, self._provider, settings.payments)
        wiring = Wiring(self._orders)
        room_log = RoomLog(client, settings.rooms)
        moderation = Moderation(client)
        self._bus = RoomBus(connect(store_url(settings), name="miaodan-bus", timeout_ms=0))
        self._rooms = LiveRooms(
            client,
            room_log,
            moderation,
            self._bus,
            Presence(client, settings.rooms),
            wiring,
            wiring.dashboard,
            settings,
            self._clock,
            node=uuid.uuid4().hex,
            sender=find_sender(settings.fanout.sender),
        )
        limits = settings.limits
        self._ledger = Ledger(ledger_url(settings.server))
        self.door = Doorway(
            settings=settings,
            clock=self._clock,
            tokens=Tokens(load_key(data_dir)),
            words=Words.from_settings(settings.danmaku),
            origins=Origins(settings.server.allowed_origins),
            rooms=self._rooms,
            room_log=room_log,
            control=RoomControl(room_log, self._orders, client),
            moderation=moderation,
            orders=self._orders,
            joins=Turnstile(limits.joins_per_second),
            addresses=Concurrent(limits.connections_per_address),
            allowance=Allowance(
                danmaku=Buckets(limits.danmaku_per_second),
                orders=Buckets(limits.orders_per_second),
                likes=Buckets(limits.likes_per_second),
            ),
        )
        desk = PaymentDesk(
            self._orders,
            client,
            settings.payments.webhook_secret or load_key(data_dir, WEBHOOK_KEY_FILE),
            tolerance_ms=settings.payments.webhook_tolerance_ms,
        )
        self._api = Api(
            self.door,
            self._ledger,
            desk,
            Probe(client.ping),
            Probe(StoreCheck(client, settings.orders.partitions)),
            Probe(LedgerCheck(client, self._ledger, settings.orders), fresh_ms=1_000),
        )
        self._tasks: list[asyncio.Task[None]] = []

    def application(self) -> Starlette:
        """The ASGI application; its lifespan starts and stops the parts."""
        pages = Pages(demo=self.settings.server.demo, media_sources=self.settings.pages.media_sources)
        routes: list[BaseRoute] = [
            WebSocketRoute("/ws/live/{room}", Socket(self.door, control=False)),
            WebSocketRoute("/ws/control/{room}", Socket(self.door, control=True)),
            *self._api.routes(),
            *pages.routes(),
            sdk.route(),
        ]
        if self.settings.server.demo:
            routes += demo_tokens.routes(self.door)
        return Starlette(
            routes=routes,
            lifespan=self._lifespan,
            middleware=[Middleware(SafeHeaders), Middleware(CrossOrigin, origins=self.door.origins)],
            exception_handlers={404: NotFound(pages), 405: _not_allowed, 500: _failed},
        )

    async def drain(self) -> None:
        await drain(self.door)

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        try:
            await self._clock.measure()
        except (RedisError, StoreUnavailable, OSError) as error:
            log.warning("starting without the store: /ready says so until it is back", error=str(error))
        await self._orders.start()
        await self._bus.start()
        await self._rooms.start()
        self._spawn(self._clock.run())
        self._spawn(sweep(self.door))
        collect_seldom()
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._rooms.stop()
            await self._bus.stop()
            await self._orders.stop()
            await self._provider.close()
            await self._ledger.stop()
            await self._client.aclose()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))


class NotFound:
    """An address that leads nowhere: a page for who browses, the API's error for who calls."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def __call__(self, request: Request, error: Exception) -> Response:
        return self._pages.missing(request) or error_response(ErrorCode.NOT_FOUND, "no such address")


async def _not_allowed(request: Request, error: Exception) -> Response:
    response = error_response(ErrorCode.INVALID, f"{request.method} is not for this address")
    response.status_code = 405
    return response


async def _failed(request: Request, error: Exception) -> Response:
    log.error("a request failed", path=request.url.path, error=repr(error))
    response = error_response(ErrorCode.UNAVAILABLE, "something went wrong on our side")
    response.status_code = 500
    response.headers.update(OTHER_HEADERS)  # this answer leaves outside of all middleware
    return response


def run_gateway(settings: Settings, fd: int | None) -> int:
    """Serve on the inherited listening socket `fd`, or on a socket of its own; until SIGTERM."""
    if fd is None:
        listener = socket.create_server(
            (settings.server.host, settings.server.port), backlog=4096, reuse_port=False
        )
        # Accepted sockets inherit it: what a stopped reader can pile up in the kernel is bounded.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, settings.fanout.socket_buffer)
    else:
        listener = socket.socket(fileno=fd)
    gateway = Gateway(settings)
    config = configure(
        gateway.application(),
        "warning",
        deflate=settings.fanout.deflate and settings.gateway.preframed,
        certfile=settings.server.ssl_certfile,
        keyfile=settings.server.ssl_keyfile,
    )
    server = GatewayServer(config, gateway.drain)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    return 0 if server.started else 1


async def _consume(consumer: LedgerConsumer, verifier: Verifier) -> None:
    """Write the ledger once it is known which of the two, store and ledger, is behind the other."""
    await verifier.passed.wait()
    await consumer.run()


async def _backoffice(settings: Settings) -> None:
    client = connect(store_url(settings), name="miaodan-backoffice")
    ledger = Ledger(ledger_url(settings.server))
    provider = payment_provider(settings)
    orders = OrderService(client, settings.orders, provider, settings.payments)
    poller = ChargePoller(orders, client, settings.orders, settings.payments)
    await orders.start()
    consumer = LedgerConsumer(client, ledger, settings.orders)
    room_log = RoomLog(client, settings.rooms)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    verifier = Verifier(
        client,
        ledger,
        settings.orders,
        seen=consumer.seen,
        watermark=Watermark(Path(settings.server.data_dir) / WATERMARK_FILE),
    )
    tasks = [
        loop.create_task(verifier.run(), name="store verifier"),
        loop.create_task(_consume(consumer, verifier), name="ledger consumer"),
        loop.create_task(BacklogWatch(client, ledger, settings.orders).run(), name="ledger watch"),
        loop.create_task(HoldSweeper(client, settings.orders).run(), name="hold sweeper"),
        loop.create_task(poller.run(), name="charge poller"),
        loop.create_task(ReturnSweeper(orders, client, settings.orders).run(), name="return sweeper"),
        loop.create_task(RefundSweeper(orders, client, settings.orders).run(), name="refund sweeper"),
        loop.create_task(SaleClock(room_log, orders, settings.orders).run(), name="sale clock"),
        loop.create_task(collect_regularly(), name="garbage collector"),
    ]
    collect_seldom()
    waiter = loop.create_task(stop.wait())
    done, _ = await asyncio.wait([*tasks, waiter], return_when=asyncio.FIRST_COMPLETED)
    for task in done - {waiter}:
        log.error("a part of the back office ended", part=task.get_name(), error=repr(task.exception()))
    for task in [*tasks, waiter]:
        task.cancel()
    await asyncio.gather(*tasks, waiter, return_exceptions=True)
    try:
        async with asyncio.timeout(LAST_WRITES_SECONDS):
            if verifier.passed.is_set():
                await consumer.drain()
    except (RedisError, StoreUnavailable, LedgerError, OSError) as error:  # TimeoutError is an OSError
        log.warning("the outbox keeps what the ledger does not have yet", reason=str(error))
    await orders.stop()
    await provider.close()
    await ledger.stop()
    await client.aclose()
    if done - {waiter}:
        raise SystemExit(1)


def run_backoffice(settings: Settings) -> int:
    """Ledger, holds and sale clock, until SIGTERM; what the outbox holds is written first."""
    # Where there is not enough processor for all, buyers are answered first and the ledger catches up.
    os.nice(BACKOFFICE_NICENESS)
    uvloop.run(_backoffice(settings))
    return 0
