"""What the projection takes from the measurement, and what of it could not be told. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from msgspec import Struct

from loadtest.capacity.assumptions import Assumptions
from loadtest.capacity.fit import Fit
from loadtest.capacity.model import Model
from loadtest.capacity.points import RELAY, Measured


class GatewayCosts(Struct, frozen=True, kw_only=True):
    """The fitted coefficients. CPU in core seconds; memory and traffic in bytes."""

    rest: float
    viewer: float
    frame: float
    danmaku: float
    process_bytes: float
    viewer_bytes: float
    frame_bytes: float
    danmaku_bytes: float


class Costs(Struct, frozen=True, kw_only=True):
    """CPU in core seconds."""

    gateway: GatewayCosts | None
    """None where one of its coefficients cannot be told: nothing that has viewers is projected then."""
    untold: list[str]
    """Which they are, and why."""
    taken: list[str]
    """Coefficients whose value is taken as it is, though nothing says how far it may be off."""
    orders_held: int
    """The highest rate held: what an order costs is taken there. It falls with the rate, as batches grow, and
    not on a line; so at more it is no more."""
    order_gateway: float
    order_store: float
    order_backoffice: float
    delivery: float
    """The store's, per gateway a publish goes to."""
    join: float
    most_viewers: int
    """The largest room measured in one process within the promise, or at all when none was."""
    promise_kept: bool
    """Whether one was."""


def costs(measured: Measured, model: Model, given: Assumptions) -> Costs | None:
    """None where a part of the measurement is missing."""
    relay = measured.ceiling(RELAY)
    gateway, resident, traffic = model.gateway, model.resident, model.traffic
    if not (gateway and resident and traffic and relay and measured.joins and measured.held):
        return None
    fullest = max(measured.held, key=lambda one: one.per_second)
    within = _within(measured, given)
    fits = (gateway, resident, traffic)
    told = None
    if all(fit.whole for fit in fits):
        told = GatewayCosts(
            rest=gateway["a"],
            viewer=gateway["b"],
            frame=gateway["c"],
            danmaku=gateway["d"],
            process_bytes=resident["m0"],
            viewer_bytes=resident["m1"],
            frame_bytes=traffic["f"],
            danmaku_bytes=traffic["e"],
        )
    return Costs(
        gateway=told,
        untold=_untold(fits),
        taken=_taken(fits),
        order_gateway=fullest.cpu_us("gateway") / 1e6,
        order_store=fullest.cpu_us("store") / 1e6,
        order_backoffice=fullest.cpu_us("backoffice") / 1e6,
        orders_held=fullest.per_second,
        delivery=relay.store_us / 1e6,
        join=max(measured.joins, key=lambda one: one.joins).cpu_us / 1e6,
        most_viewers=max(within or [one.viewers for one in measured.trusted]),
        promise_kept=bool(within),
    )


def _untold(fits: Sequence[Fit]) -> list[str]:
    return [f"`{one.name}` {one.why}" for fit in fits for one in fit.coefficients if one.value is None]


def _taken(fits: Sequence[Fit]) -> list[str]:
    return [
        f"`{one.name}` (range {one.why})"
        for fit in fits
        for one in fit.coefficients
        if one.value is not None and one.least is None
    ]


def _within(measured: Measured, given: Assumptions) -> list[int]:
    """Sizes of rooms in which the promise was kept: the median of the windows with danmaku, no more of them
    than are shown to a viewer."""
    found: dict[int, list[float]] = {}
    for one in measured.trusted:
        if 0 < one.danmaku <= given.danmaku_shown:
            found.setdefault(one.viewers, []).append(one.p99_ms)
    return [viewers for viewers, late in found.items() if median(late) <= given.p99_ms]
