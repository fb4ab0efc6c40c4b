"""What becomes of flash sales: the pure half of their life, from `scheduled` to `ended` or `cancelled`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.codes import ErrorCode, SalePhase
from schemas.commands import SaleCancel, SaleSchedule
from schemas.events import SaleEnded, SaleSoldOut, SaleStarted
from schemas.models import Sale
from server.rooms.rules import Events, Refused, known_product, known_sale, open_room
from server.rooms.state import ACTIVE, RoomState

MAX_ACTIVE_SALES = 100
MAX_AHEAD_MS = 366 * 86_400_000
"""How far ahead a sale may start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the caller and the pools add to a decision.

    `sale`: the id for a sale being scheduled. `window`: its (starts_at, ends_at) once the pool has
    it. `reasons`: per sale closed by this command, the reason that stuck in its pool. `total`: units that
    the pool of a product being mounted has, also those sold when it was on the shelf before.
    """

    sale: str = ""
    window: tuple[int, int] | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    total: int | None = None


def new_sale(state: RoomState, command: SaleSchedule, now: int, facts: Facts) -> Sale:
    """The sale that `sale.schedule` asks for, in the pool's window once there is one."""
    open_room(state)
    known_product(state, command.sku)
    if len(state.active_sales()) >= MAX_ACTIVE_SALES:
        raise Refused(ErrorCode.CONFLICT, f"{MAX_ACTIVE_SALES} sales are under way already")
    if facts.window is None:
        starts_at = _start(command, now)
        window = (starts_at, starts_at + command.duration_ms)
    else:
        window = facts.window
    return Sale(
        sale=facts.sale,
        sku=command.sku,
        price=command.price,
        starts_at=window[0],
        ends_at=window[1],
        phase=SalePhase.SCHEDULED,
        available=command.stock,
        per_user_limit=command.per_user_limit,
        total=command.stock,
        stock=command.stock,
    )


def _start(command: SaleSchedule, now: int) -> int:
    if command.starts_at is not None and command.starts_in_ms is not None:
        raise Refused(ErrorCode.INVALID, "starts_at and starts_in_ms exclude each other", "starts_in_ms")
    if command.starts_in_ms is not None:
        return now + command.starts_in_ms
    if command.starts_at is None:
        raise Refused(ErrorCode.INVALID, "one of starts_at and starts_in_ms is needed", "starts_at")
    if command.starts_at < now:
        raise Refused(ErrorCode.INVALID, "starts_at is in the past", "starts_at")
    if command.starts_at > now + MAX_AHEAD_MS:
        raise Refused(ErrorCode.INVALID, "starts_at is more than a year ahead", "starts_at")
    return command.starts_at


def cancel_sale(state: RoomState, command: SaleCancel, facts: Facts) -> Events:
    """The end of a sale by `sale.cancel`."""
    if known_sale(state, command.sale).phase not in ACTIVE:
        if command.sale in facts.reasons:
            return []  # this command closed the pool, and the sale clock was first to log it
        raise Refused(ErrorCode.CONFLICT, "the sale has ended", "sale")
    return [SaleEnded(sale=command.sale, reason=facts.reasons.get(command.sale, "cancelled"))]


def due_events(sale: Sale, what: str, reason: str = "time") -> Events:
    """What goes into the log when `what` (`start`, `sold_out` or `end`) has come for a sale.

    A phase that was slept through (a restart, a long outage) is logged first, so that everybody
    sees each phase once and in order; nothing for what the log has already.
    """
    if sale.phase not in ACTIVE:
        return []
    started: Events = [SaleStarted(sale=sale.sale)] if sale.phase is SalePhase.SCHEDULED else []
    if what == "start":
        return started
    if what == "sold_out":
        return [*started, SaleSoldOut(sale=sale.sale)] if sale.phase is not SalePhase.SOLD_OUT else []
    if reason != "time":
        return [SaleEnded(sale=sale.sale, reason=reason)]  # it was called off: it need not have begun
    return [*started, SaleEnded(sale=sale.sale, reason=reason)]
