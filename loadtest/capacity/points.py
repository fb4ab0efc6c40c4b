"""What was measured: plain values, written to build/capacity.json. Times in seconds unless named."""

from __future__ import annotations

from msgspec import Struct, field

from loadtest.bench.results import DISTURBED_SHARE

LATE_MS = 100.0
"""A generator that was behind its schedule by more than that did not offer what it says."""
HELD_SHARE = 0.99
HELD_LAG_S = 2.0
HELD_P99_MS = 1_000.0
ONE_SKU = "orders of one SKU, closed loop"
SCRIPT = "orders of one SKU, the store's script alone"
RELAY = "publishes delivered"
"""Names of `Ceiling`s."""


class FanoutPoint(Struct, kw_only=True):
    """One window of one room: an open loop of danmaku, default ticks, a host who goes on talking.

    `danmaku` 0 is the idle window. Cores are CPU seconds per second. `missing` is (viewer, danmaku) pairs
    that never arrived; latencies are those of the pairs that did, from the danmaku's send().
    """

    viewers: int
    danmaku: int
    turn: int
    seconds: float
    gateway_cores: float
    store_cores: float
    backoffice_cores: float
    resident_bytes: int
    frames_per_second: float
    bytes_per_second: float
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    late_ms: float = 0.0
    expected: int = 0
    missing: int = 0
    foreign: float = 0.0
    """Share of the window in which the gateway's CPU worked for others."""

    @property
    def disturbed(self) -> bool:
        """Others had much of the gateway's CPU."""
        return self.foreign > DISTURBED_SHARE

    @property
    def marks(self) -> list[str]:
        """Why the point is not to be trusted; empty when it is."""
        marks = []
        if self.missing > 0:
            marks.append(f"incomplete: {self.missing:,} of {self.expected:,} not delivered")
        if self.late_ms > LATE_MS:
            marks.append(f"generator {self.late_ms:,.0f} ms late")
        return marks


class OrdersPoint(Struct, kw_only=True):
    """One open loop of orders for one SKU. The CPU times go on until the ledger had them all.

    `elapsed_s` is that whole time, `seconds` the window alone. `due` counts all orders of the schedule.
    """

    per_second: int
    seconds: float
    elapsed_s: float
    due: int
    accepted: int
    p50_ms: float
    p99_ms: float
    ledger_lag_s: float
    gateway_cpu_s: float
    store_cpu_s: float
    backoffice_cpu_s: float
    gateway_cores: float = 0.0
    """In the window."""
    generator_cores: float = 0.0
    foreign: float = 0.0

    def cpu_us(self, process: str) -> float:
        """CPU of an order in `gateway`, `store` or `backoffice`, what it takes at rest included."""
        return float(getattr(self, f"{process}_cpu_s")) * 1e6 / max(1, self.accepted)

    @property
    def beyond(self) -> str:
        """Why the rate was not held; empty when it was."""
        reasons = []
        if self.accepted < HELD_SHARE * self.due:
            reasons.append(f"{self.accepted:,} of {self.due:,} accepted")
        if self.p99_ms > HELD_P99_MS:
            reasons.append(f"p99 {self.p99_ms:,.0f} ms")
        if self.ledger_lag_s > HELD_LAG_S:
            reasons.append(f"ledger {self.ledger_lag_s:.1f} s behind")
        return ", ".join(reasons)


class JoinPoint(Struct, kw_only=True):
    """`joins` viewers who came to one furnished room, connect to welcome."""

    joins: int
    seconds: float
    gateway_cpu_s: float

    @property
    def cpu_us(self) -> float:
        return self.gateway_cpu_s * 1e6 / max(1, self.joins)


class Ceiling(Struct, kw_only=True):
    """The most of something in a closed loop, and what one of it costs the store's thread."""

    name: str
    per_second: float
    store_us: float


class Measured(Struct, kw_only=True):
    """One run. `failures` says what could not be measured, and why."""

    machine: dict[str, str]
    options: dict[str, str]
    started_at: str
    took_s: float = 0.0
    fanout: list[FanoutPoint] = field(default_factory=list)
    orders: list[OrdersPoint] = field(default_factory=list)
    joins: list[JoinPoint] = field(default_factory=list)
    ceilings: list[Ceiling] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def ceiling(self, name: str) -> Ceiling | None:
        return next((one for one in self.ceilings if one.name == name), None)

    @property
    def trusted(self) -> list[FanoutPoint]:
        """Points without a mark; without the disturbed ones where half or more are left then."""
        whole = [one for one in self.fanout if not one.marks]
        calm = [one for one in whole if not one.disturbed]
        return calm if 2 * len(calm) >= len(whole) else whole

    @property
    def held(self) -> list[OrdersPoint]:
        """Rates that were held."""
        return [one for one in self.orders if not one.beyond]
