"""From points to the model: which quantity is fitted by what."""

from __future__ import annotations

from msgspec import Struct

from loadtest.capacity.fit import Fit, fit
from loadtest.capacity.points import FanoutPoint, Measured

FEWEST = 3
"""Points under which nothing is fitted."""


class Model(Struct, kw_only=True):
    """What was fitted; None where there were too few points.

    `gateway`: cores of one gateway; `resident`: bytes of it; `traffic`: bytes a second to its viewers;
    `orders_*`: CPU seconds of a process over an open loop, until the ledger was up to date.
    """

    gateway: Fit | None = None
    resident: Fit | None = None
    traffic: Fit | None = None
    orders_gateway: Fit | None = None
    orders_store: Fit | None = None
    orders_backoffice: Fit | None = None

    @property
    def fits(self) -> list[Fit]:
        found = (self.gateway, self.resident, self.traffic)
        return [
            one
            for one in (*found, self.orders_gateway, self.orders_store, self.orders_backoffice)
            if one is not None
        ]


def model(measured: Measured) -> Model:
    """Fitted to the points that can be trusted and the rates that were held."""
    points = measured.trusted
    made = Model()
    if len(points) >= FEWEST:
        owner = [one.viewers for one in points]
        asked = [(one.viewers, one.danmaku) for one in points]
        made.gateway = fit(
            "gateway",
            "cores",
            [
                ("a", "cores at rest"),
                ("b", "cores per viewer"),
                ("c", "core seconds per frame"),
                ("d", "core seconds per danmaku"),
            ],
            [[1.0, one.viewers, one.frames_per_second, one.danmaku] for one in points],
            [one.gateway_cores for one in points],
            owner,
            asked,
        )
        made.resident = fit(
            "resident memory",
            "bytes",
            [("m0", "bytes of the process"), ("m1", "bytes per viewer")],
            [[1.0, one.viewers] for one in points],
            [float(one.resident_bytes) for one in points],
            owner,
            asked,
        )
        made.traffic = fit(
            "bytes out",
            "bytes/s",
            [("f", "bytes per frame"), ("e", "bytes per danmaku shown")],
            [[one.frames_per_second, _shown(one)] for one in points],
            [one.bytes_per_second for one in points],
            owner,
            asked,
        )
    if len(measured.held) >= FEWEST:
        made.orders_gateway = _per_order(measured, "gateway")
        made.orders_store = _per_order(measured, "store")
        made.orders_backoffice = _per_order(measured, "backoffice")
    return made


def _shown(point: FanoutPoint) -> float:
    """Danmaku a second, once for each viewer who is shown it."""
    return point.viewers * float(point.danmaku)


def _per_order(measured: Measured, process: str) -> Fit:
    held = measured.held
    return fit(
        f"orders: {process.replace('backoffice', 'back office')}",
        "CPU seconds",
        [("rest", "cores at rest"), ("order", "core seconds per order")],
        [[one.elapsed_s, float(one.accepted)] for one in held],
        [float(getattr(one, f"{process}_cpu_s")) for one in held],
        settings=[one.per_second for one in held],
    )
