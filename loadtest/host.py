"""The host of a load test: makes the room where there is none, keeps flash sales coming."""

from __future__ import annotations

import logging

from locust import constant, task
from locust.exception import StopUser

from client_sim.api import Api, ApiError
from client_sim.clock import now_ms
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


class HostUser(Person):
    """Exactly one. In a room that somebody else runs it only watches."""

    fixed_count = 1
    role = Role.HOST
    control = True
    wait_time = constant(0.25)

    def on_start(self) -> None:
        self._next_sale_at = 0.0
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

    @task
    def direct(self) -> None:
        """Whatever the room lacks, one thing at a time."""
        if self.course.closing.is_set():
            return
        command = self._next()
        if command is None:
            return
        reply = self.client.ask(command, COMMAND_TIMEOUT_S)
        if reply is None:
            return
        error = reply.error
        failure = RuntimeError(f"{error.code.value}: {error.message}") if error is not None else None
        self.fire("HOST", type(command).__name__, reply.after_ms, failure)

    def _next(self) -> HostCommand | None:
        room = self.client.session.replica
        options = self.options
        if not room.status:
            return None
        if room.status != RoomStatus.LIVE.value:
            return RoomStart()
        if SKU not in room.products:
            return ProductMount(
                product=ProductInput(sku=SKU, title="Load test product", price=PRICE, stock=STOCK)
            )
        if room.available.get(SKU, 0) < options.sale_stock:
            return ProductRestock(sku=SKU, delta=STOCK)
        if room.running_sales() or now_ms() < self._next_sale_at:
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
