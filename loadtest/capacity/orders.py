"""Orders a second, rising: how late they are answered, how far the ledger is behind, and who works for it.

One room, one SKU, an open loop; it stops rising after a rate that was not held. Then the same in a closed
loop, and the store alone: its script without a gateway before it, and what relaying a publish costs it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack, closing

from loadtest.bench.arrears import Arrears
from loadtest.bench.machine import cpu_ns
from loadtest.bench.order_sides import SKU, BuyersSide, RawSide
from loadtest.bench.plan import Plan
from loadtest.bench.store import BareStore, StoreFailed
from loadtest.bench.target import Server
from loadtest.capacity.fanout import FAILURES, Processes
from loadtest.capacity.points import ONE_SKU, RELAY, SCRIPT, Ceiling, OrdersPoint

STOCK = 500_000_000
BATCH = 256
WARM_UP_S = 1.0
CATCH_UP_S = 60.0
LISTENERS = 32
PUBLISHES = 1
"""At once: nothing is bundled into one write to a gateway, which is the dearest case."""
PUBLISHED = b"C" + b"x" * 250
"""About what one danmaku of 100 characters is on its way between gateways."""
CHANNEL = "capacity"


class Shop:
    """A server with one hot room, its buyers, and the store seen directly."""

    def __init__(self, plan: Plan, stack: ExitStack) -> None:
        self._plan = plan
        self._server = stack.enter_context(Server(plan.placement, {}, plan.folder))
        self._processes = Processes(self._server)
        room = self._server.open_room(STOCK, SKU, name=f"capacity-{secrets.token_hex(3)}")
        self._buyers = BuyersSide(plan, self._server, stack, [room], "buyer")
        self._store = stack.enter_context(closing(BareStore(self._server.store_socket)))
        self._arrears = Arrears(stack.enter_context(closing(BareStore(self._server.store_socket))), [room])

    def warm_up(self) -> None:
        self._buyers.sample(min(WARM_UP_S, self._plan.paced_seconds))

    def point(self, per_second: int) -> OrdersPoint:
        """One open loop, until the ledger has all of it. Raises ProgramFailed, StoreFailed, OSError."""
        self._arrears.wait_until_none(CATCH_UP_S)
        before, start = self._processes.cpu(), time.monotonic()
        paced = self._buyers.paced(per_second, self._plan.paced_seconds, self._arrears)
        self._arrears.wait_until_none(CATCH_UP_S)
        cpu, elapsed = self._processes.cpu() - before, time.monotonic() - start
        sample = paced.sample
        return OrdersPoint(
            per_second=per_second,
            seconds=sample.wall_ns / 1e9,
            elapsed_s=elapsed,
            due=paced.due,
            accepted=sample.count,
            p50_ms=sample.extra["p50_ms"],
            p99_ms=sample.extra["p99_ms"],
            ledger_lag_s=paced.ledger_lag_s,
            gateway_cpu_s=cpu.gateway,
            store_cpu_s=cpu.store,
            backoffice_cpu_s=cpu.backoffice,
            gateway_cores=sample.cpu_ns / sample.wall_ns,
            generator_cores=sample.extra["buyers_cpu"],
            foreign=sample.foreign,
        )

    def closed(self) -> Ceiling:
        """Every buyer orders again as soon as they are answered; the cost until the ledger has all."""
        self._arrears.wait_until_none(CATCH_UP_S)
        cpu = cpu_ns(self._processes.store)
        sample = self._buyers.sample(self._plan.seconds)
        self._arrears.wait_until_none(CATCH_UP_S)
        cpu = cpu_ns(self._processes.store) - cpu
        return Ceiling(name=ONE_SKU, per_second=sample.per_second, store_us=cpu / 1000 / sample.count)

    def script(self) -> Ceiling:
        """Batches of orders, one after another, from a bare client."""
        sample = RawSide(self._plan, self._server, self._store, STOCK, BATCH).sample(self._plan.seconds)
        return Ceiling(
            name=SCRIPT, per_second=sample.per_second, store_us=sample.cpu_ns / 1000 / sample.count
        )

    def relay(self) -> Ceiling:
        """One publish goes to every gateway with viewers in the room: what each of these costs the store."""
        with ExitStack() as stack:
            listeners = [
                stack.enter_context(closing(BareStore(self._server.store_socket))) for _ in range(LISTENERS)
            ]
            for listener in listeners:
                listener.ask("SUBSCRIBE", CHANNEL)
            delivered, cpu, start = 0, cpu_ns(self._processes.store), time.monotonic()
            while (took := time.monotonic() - start) < self._plan.seconds:
                self._store.send_all([("PUBLISH", CHANNEL, PUBLISHED)] * PUBLISHES)
                for _ in range(PUBLISHES):
                    if self._store.receive() != LISTENERS:
                        raise StoreFailed("a publish did not reach every listener")
                for listener in listeners:
                    for _ in range(PUBLISHES):
                        listener.receive()
                delivered += PUBLISHES * LISTENERS
            cpu = cpu_ns(self._processes.store) - cpu
        return Ceiling(name=RELAY, per_second=delivered / took, store_us=cpu / 1000 / delivered)


def measure(
    plan: Plan,
    rates: list[int],
    told: Callable[[OrdersPoint | Ceiling], None],
    failed: Callable[[str], None],
) -> None:
    """Every point goes to `told` as it is known. A rate that fails ends the rising, not the rest."""
    plan.say(f"orders: starting a server, joining {plan.viewers:,} buyers")
    try:
        with ExitStack() as stack:
            shop = Shop(plan, stack)
            shop.warm_up()
            try:
                _rise(plan, shop, rates, told)
            except FAILURES as error:
                failed(f"orders, open loop: {error}")
            for ceiling in (shop.relay, shop.script, shop.closed):
                try:
                    told(found := ceiling())
                    plan.say(
                        f"orders: {found.name}: {found.per_second:,.0f}/s, store {found.store_us:.1f} us"
                    )
                except FAILURES as error:
                    failed(f"orders, {ceiling.__name__}: {error}")
    except FAILURES as error:
        failed(f"orders: {error}")


def _rise(plan: Plan, shop: Shop, rates: list[int], told: Callable[[OrdersPoint], None]) -> None:
    for per_second in rates:
        told(point := shop.point(per_second))
        beyond = f"  [beyond: {point.beyond}]" if point.beyond else ""
        plan.say(
            f"orders: {per_second:,}/s: p50 {point.p50_ms:.1f} ms, p99 {point.p99_ms:.1f} ms, "
            f"ledger {point.ledger_lag_s:.2f} s behind, gateway {point.gateway_cores:.2f} cores{beyond}"
        )
        if point.beyond:
            return
