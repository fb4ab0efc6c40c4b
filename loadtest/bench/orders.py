"""Orders: acknowledged holds per second through WebSockets, beside the script alone; an open loop; refusals.

Every acknowledged hold was fsynced before its reply (`appendfsync always`). In a closed loop each buyer
places an order, waits for the reply, places the next; in the open one orders come when they are due.
"""

from __future__ import annotations

import secrets
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from statistics import median

from loadtest.bench.arrears import Arrears, apart
from loadtest.bench.machine import filesystem
from loadtest.bench.order_sides import SKU, BuyersSide, Paced, RawSide
from loadtest.bench.plan import Plan
from loadtest.bench.results import (
    HOLDS_TARGET,
    LEDGER_LAG_S,
    ORDER_P99_MS,
    ORDERS_TARGET,
    PACE_PER_SECOND,
    REFUSALS_TARGET,
    Ratio,
    Sample,
    Section,
    Side,
    side,
)
from loadtest.bench.store import BareStore, StoreFailed, command_calls
from loadtest.bench.target import Server

STOCK = 500_000_000
ROOMS = 16
BATCH = 256
WARM_UP_S = 1.0
KNOWN_AFTER_S = 10.5
"""A gateway refuses by itself only who came twice `orders.store_timeout_ms` ago."""


@dataclass
class Windows:
    """What was measured, turn by turn."""

    raw: list[Sample] = field(default_factory=list)
    single: list[Sample] = field(default_factory=list)
    hot: list[Sample] = field(default_factory=list)
    spread: list[Sample] = field(default_factory=list)
    refused: list[Sample] = field(default_factory=list)
    asked: int = 0
    """Script calls during the windows of refusals."""


class Shop:
    """One server with a hot room, sixteen rooms in as many partitions, and one where nothing is left."""

    def __init__(self, plan: Plan, stack: ExitStack) -> None:
        self._plan = plan
        self.server = stack.enter_context(Server(plan.placement, {}, plan.folder))
        prefix = f"bench-{secrets.token_hex(3)}-"
        sixteen = apart(prefix, ROOMS)
        hot, gone = f"{prefix}hot", f"{prefix}gone"
        for room in (hot, *sixteen):
            self.server.open_room(STOCK, SKU, name=room)
        self.server.open_room(0, SKU, name=gone)
        self.store = stack.enter_context(closing(BareStore(self.server.store_socket)))
        self.gone = BuyersSide(plan, self.server, stack, [gone], "late")
        self._came = time.monotonic()
        self.hot = BuyersSide(plan, self.server, stack, [hot], "buyer")
        self.spread = BuyersSide(plan, self.server, stack, sixteen, "guest")
        self.raw = RawSide(plan, self.server, self.store, STOCK, BATCH)
        self.single = RawSide(plan, self.server, self.store, STOCK, 1)
        self.arrears = Arrears(
            stack.enter_context(closing(BareStore(self.server.store_socket))), [hot, *sixteen]
        )

    def warm_up(self) -> None:
        self.raw.sample(WARM_UP_S)
        self.hot.sample(WARM_UP_S)

    def turn(self, windows: Windows) -> None:
        """One window of each side."""
        seconds = self._plan.seconds
        windows.raw.append(self.raw.sample(seconds))
        windows.hot.append(self.hot.sample(seconds))
        windows.spread.append(self.spread.sample(seconds))
        windows.single.append(self.single.sample(seconds))
        self.arrears.wait_until_none(120.0)  # what the holds left behind is not the refusals'
        time.sleep(max(0.0, self._came + KNOWN_AFTER_S - time.monotonic()))
        before = command_calls(self.store)["evalsha"]
        windows.refused.append(self.gone.refusals(seconds))
        windows.asked += command_calls(self.store)["evalsha"] - before

    def taken(self) -> int:
        """Units gone, which have to be those that were acknowledged. Raises StoreFailed."""
        total = 0
        for buyers in (self.hot, self.spread):
            taken = sum(STOCK - self.server.available(room) for room in buyers.rooms)
            if taken != buyers.accepted:
                raise StoreFailed(f"{buyers.accepted} holds were acknowledged, {taken} units are gone")
            total += taken
        return total


def measure(plan: Plan) -> Section:
    """The open loop first, then all sides in turn; what was acknowledged has to be gone from the stock."""
    with ExitStack() as stack:
        plan.say(f"orders: starting a server, joining {3 * plan.viewers} buyers")
        shop = Shop(plan, stack)
        info = shop.store.server_info()
        shop.warm_up()
        plan.say(f"orders: {PACE_PER_SECOND} a second for {plan.paced_seconds:.0f} s")
        paced = shop.hot.paced(PACE_PER_SECOND, plan.paced_seconds, shop.arrears)
        windows = Windows()
        for turn in range(plan.repeat):
            plan.say(f"orders: {turn + 1} of {plan.repeat}")
            shop.turn(windows)
        taken = shop.taken()
    name = "valkey" if "valkey_version" in info else "redis"
    facts: dict[str, float | int | str] = {
        "buyers": plan.viewers,
        "acknowledged": taken,
        "p50_ms": round(median(one.extra["p50_ms"] for one in windows.hot), 1),
        "p99_ms": round(max(one.extra["p99_ms"] for one in windows.hot), 1),
        "open_loop_seconds": plan.paced_seconds,
        "open_loop_due": paced.due,
        "open_loop_p50_ms": round(paced.sample.extra["p50_ms"], 1),
        "open_loop_p99_ms": round(paced.sample.extra["p99_ms"], 1),
        "ledger_lag_s": round(paced.ledger_lag_s, 2),
        "refusals_that_asked_the_store": windows.asked,
        "store": f"{name} {info[f'{name}_version']}",
        "file system": filesystem(plan.folder),
    }
    return _section(windows, paced, facts)


def _section(windows: Windows, paced: Paced, facts: dict[str, float | int | str]) -> Section:
    raw, single = side("raw batched Lua", windows.raw), side("raw, an EVALSHA per order", windows.single)
    hot, spread = side("holds, one SKU", windows.hot), side(f"holds, {ROOMS} SKUs", windows.spread)
    refused = side("sold-out answers", windows.refused)
    open_loop = side(f"holds at {PACE_PER_SECOND:,} a second", [paced.sample])
    sides = [raw, single, hot, spread, open_loop, refused]
    return Section("orders", "holds", sides, _ratios(raw, single, hot, spread, refused, paced), facts)


def _ratios(raw: Side, single: Side, hot: Side, spread: Side, refused: Side, paced: Paced) -> list[Ratio]:
    def rate(one: Side) -> float:
        return one.per_second.median

    return [
        Ratio("holds / raw Lua", rate(hot) / rate(raw), ORDERS_TARGET),
        Ratio(f"holds of {ROOMS} SKUs / raw Lua", rate(spread) / rate(raw)),
        Ratio("holds / an EVALSHA per order", rate(hot) / rate(single)),
        Ratio(f"holds / {HOLDS_TARGET:,} per second", rate(hot) / HOLDS_TARGET, 1.0),
        Ratio(f"sold-out answers / {REFUSALS_TARGET:,} per second", rate(refused) / REFUSALS_TARGET, 1.0),
        Ratio("held / due in the open loop", paced.sample.count / paced.due, 1.0),
        Ratio(f"{ORDER_P99_MS} ms / p99 of the open loop", ORDER_P99_MS / paced.sample.extra["p99_ms"], 1.0),
        Ratio(f"{LEDGER_LAG_S} s / lag of the ledger", LEDGER_LAG_S / max(0.001, paced.ledger_lag_s), 1.0),
    ]
