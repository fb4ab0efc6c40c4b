"""What a swarm counts while it runs."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from client_sim.histogram import Histogram
from client_sim.notices import Lost, OrderSettled, Violation
from client_sim.wire import Batch

KEPT_DETAILS = 20
"""Violations whose words are kept; all are counted."""

KEPT_REASONS = 30
"""Different ways to lose a socket that are told apart."""


@dataclass
class Tally:
    """Counters and histograms (milliseconds) of one run."""

    joins: int = 0
    reconnects: int = 0
    recovered: int = 0
    connect_failures: int = 0
    danmaku_sent: int = 0
    danmaku_refused: Counter[str] = field(default_factory=Counter)
    danmaku_delivered: int = 0
    danmaku_skipped: int = 0
    closes: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)
    orders: Counter[str] = field(default_factory=Counter)
    orders_asked_again: int = 0
    orders_replayed: int = 0
    units: Counter[str] = field(default_factory=Counter)
    connect_ms: Histogram = field(default_factory=Histogram)
    welcome_ms: dict[str, Histogram] = field(default_factory=dict)
    """Hello to welcome, by `fresh`, `recovered` and `snapshot`."""
    resume_ms: dict[str, Histogram] = field(default_factory=dict)
    """Socket lost to welcome, by `recovered` and `snapshot`."""
    zeros: dict[str, list[float]] = field(default_factory=dict)
    """By sale, where on the true clock some viewers' countdowns ended."""
    join_ms: Histogram = field(default_factory=Histogram)
    delivery_ms: Histogram = field(default_factory=Histogram)
    order_ms: Histogram = field(default_factory=Histogram)
    skew_ms: Histogram = field(default_factory=Histogram)
    started: float = field(default_factory=time.monotonic)
    _holders: dict[str, str] = field(default_factory=dict)

    def delivered(self, batch: Batch) -> None:
        """Sum up one batch for everybody who noted its arrival."""
        ages = Counter(message.at for message in batch.chat)
        for arrival, viewers in batch.arrivals.items():
            for at, messages in ages.items():
                self.delivery_ms.record(arrival - at, viewers * messages)

    def welcomed(self, outcome: str, after_ms: float, away_ms: float | None) -> None:
        """A hello was answered; `away_ms`: since the socket before it was lost."""
        self.welcome_ms.setdefault(outcome, Histogram()).record(after_ms)
        if away_ms is not None:
            self.resume_ms.setdefault(outcome, Histogram()).record(away_ms)

    def lost(self, lost: Lost) -> None:
        """A socket that ended, by close code, or by what went wrong where there was none."""
        how = str(lost.code) if lost.code is not None else f"lost: {lost.reason}"
        if how not in self.closes and len(self.closes) >= KEPT_REASONS:
            how = "lost: other"
        self.closes[how] += 1

    def violated(self, who: str, violation: Violation) -> None:
        self.violations[violation.fault.value] += 1
        if len(self.details) < KEPT_DETAILS:
            self.details.append(f"{who}: {violation.fault.value}: {violation.detail}")

    def settled(self, user: str, settled: OrderSettled) -> None:
        """One order's outcome; the same order told to two requests is a fault of the server's."""
        self.orders[settled.code.value if settled.code else "accepted"] += 1
        self.orders_asked_again += settled.asked_again
        self.orders_replayed += settled.replayed
        if not settled.asked_again:
            self.order_ms.record(settled.after_ms)
        order = settled.order
        if order is None or settled.code is not None:
            return
        owner = f"{user}/{settled.request.request_id}"
        holder = self._holders.get(order.order)
        if holder is None:
            self._holders[order.order] = owner
            self.units[order.sale or order.sku] += order.quantity
        elif holder != owner:
            self.violations["order_told_twice"] += 1
            if len(self.details) < KEPT_DETAILS:
                self.details.append(f"order {order.order} was told to {holder} and to {owner}")

    def elapsed(self) -> float:
        return time.monotonic() - self.started
