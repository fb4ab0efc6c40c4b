"""The host of a load test: makes the room where there is none, keeps flash sales coming."""

from __future__ import annotations

import logging

import gevent
from locust.exception import StopUser

from client_sim.api import Api, ApiError
from client_sim.clock import now_ms
from loadtest.mounting import BusyHost
from loadtest.options import address_of
from loadtest.people import Person
from schemas.codes import Role, RoomStatus
from schemas.commands import HostCommand, ProductMount, ProductRestock, RoomStart, SaleSchedule
from schemas.models import ProductInput

log = logging.getLogger("loadtest")
SKU = "LOAD-1"
PRICE = 9_900
SALE_PRICE = 4_900
STOCK = 1_000_000
CONFLICT = 409
COMMAND_TIMEOUT_S = 10.0
LOOK_S = 0.05
PATIENCE_S = 10.0


class HostUser(Person):
    """Exactly one. In a room that somebody else runs it only watches."""

    fixed_count = 1
    role = Role.HOST
    control = True

    def on_start(self) -> None:
        self._next_sale_at = 0.0
        self._next_busy_at = 0.0
        self._busy = BusyHost()
        super().on_start()

    def prepare(self, token: str) -> None:
        room = self.options.room
        try:
            Api(address_of(self.options), token).post("/api/v1/rooms", {"id": room, "title": "Load test"})
        except ApiError as error:
            if error.status == CONFLICT:
                log.info("room %s is run by somebody else: no sales from here", room)
                raise StopUser from None
            raise

    def turn(self) -> None:
        """Whatever the room lacks, one thing at a time."""
        command = None if self.over else self._next() or self._busy_next()
        if command is not None:
            self._ask(command)
        gevent.sleep(LOOK_S)

    def _ask(self, command: HostCommand) -> None:
        reply = self.client.ask(command, COMMAND_TIMEOUT_S)
        name = type(command).__name__
        if reply is None:
            return
        if reply.error is None:
            self.record("HOST", name, reply.after_ms)
        else:
            self.fail("HOST", name, reply.after_ms, f"{reply.error.code.value}: {reply.error.message}")

    def _busy_next(self) -> HostCommand | None:
        """Something of a busy host's, where one was asked for."""
        rate = self.options.host_rate
        room = self.client.session.replica
        if rate <= 0 or now_ms() < self._next_busy_at or SKU not in room.products:
            return None
        self._next_busy_at = max(self._next_busy_at + 1000 / rate, now_ms() - 1000)
        return self._busy.next(room)

    def _time_for_a_sale(self) -> bool:
        """The crowd is there, or has had time enough; and the run lasts long enough for its answers."""
        options = self.options
        been_s = (now_ms() - self.course.began_ms) / 1000
        if been_s + options.sale_starts_in + options.spread_ms / 1000 > options.seconds:
            return False
        wanted = options.people - 1 - options.swarms + options.swarm_viewers
        coming_s = options.people / options.people_rate + options.swarm_viewers / options.swarm_rate
        patience_s = options.seconds / 6 + coming_s + PATIENCE_S
        return self.client.session.replica.online >= 0.95 * wanted or been_s > patience_s

    def _next(self) -> HostCommand | None:
        room = self.client.session.replica
        if not room.status:
            return None
        if room.status != RoomStatus.LIVE.value:
            return RoomStart()
        if SKU not in room.products:
            return ProductMount(
                product=ProductInput(sku=SKU, title="Load test product", price=PRICE, stock=STOCK)
            )
        if room.available.get(SKU, 0) < self.options.sale_stock:
            return ProductRestock(sku=SKU, delta=STOCK)
        return self._next_sale()

    def _next_sale(self) -> HostCommand | None:
        options = self.options
        running = self.client.session.replica.running_sales()
        if not options.sale_every or running or now_ms() < self._next_sale_at:
            return None
        if not self._time_for_a_sale():
            return None
        self._next_sale_at = now_ms() + options.sale_every * 1000
        return SaleSchedule(
            sku=SKU,
            price=SALE_PRICE,
            stock=options.sale_stock,
            starts_in_ms=round(options.sale_starts_in * 1000),
            duration_ms=round(options.sale_duration * 1000),
            per_user_limit=options.per_user_limit,
        )
