"""What many viewers and many orders need, from the fitted model and named assumptions. No I/O.

The shape of a deployment: every gateway process that has viewers of a room hears all that happens in it, by
PUBLISH of the one store; the stock of a room lies in one partition of that store, which one thread works on.
Several stores are several deployments ("cells") with rooms of their own: a server speaks to one store.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor, inf
from statistics import median
from typing import Annotated, get_type_hints

from msgspec import Meta, Struct

from loadtest.capacity.model import Model
from loadtest.capacity.points import RELAY, Measured


def _meta(unit: str, why: str) -> Meta:
    return Meta(description=why, extra={"unit": unit})


class Assumptions(Struct, frozen=True, kw_only=True):
    """Everything the projection takes for granted; `listed` says each with its unit and why."""

    gateway_utilisation: Annotated[
        float, _meta("of a core", "room for joins, a lost node and an uneven balancer")
    ] = 0.6
    store_utilisation: Annotated[
        float, _meta("of the store's one thread", "it waits for fsync, and waiting grows fast beyond this")
    ] = 0.6
    backoffice_utilisation: Annotated[
        float, _meta("of a core", "it may be late by a second, so it may be fuller than a gateway")
    ] = 0.7
    nic_utilisation: Annotated[float, _meta("of the network card", "traffic comes in bursts of a tick")] = 0.6
    machine_factor: Annotated[
        float, _meta("bought core / measured core", "set it when the cores you buy are faster or slower")
    ] = 1.0
    tls_factor: Annotated[
        float,
        _meta(
            "x CPU of frames, viewers, joins, orders",
            "TLS in the gateway; not measured here (1.0 with TLS before it)",
        ),
    ] = 1.4
    p99_ms: Annotated[float, _meta("ms", "the promise: publish to receive, 99 of 100")] = 80.0
    tick_ms: Annotated[float, _meta("ms", "`fanout.tick_ms`; what waits for the next tick waits so long")] = (
        50.0
    )
    frames_per_viewer: Annotated[float, _meta("frames/s", "a lively room flushes on every tick")] = 20.0
    danmaku_said: Annotated[
        float, _meta("danmaku/s per viewer", "each viewer says something every eight minutes")
    ] = 0.002
    danmaku_shown: Annotated[
        float, _meta("danmaku/s", "one a tick, more nobody reads: `fanout.chat_budget = 1`")
    ] = 20.0
    distant_share: Annotated[
        float,
        _meta(
            "of d", "of a danmaku's cost, what it costs gateways it was not said at; one gateway was measured"
        ),
    ] = 0.5
    publish_ms: Annotated[float, _meta("ms", "a gateway bundles a room's danmaku for so long")] = 10.0
    presence_s: Annotated[
        float, _meta("s", "`rooms.presence_ms`: so often each gateway tells each room who watches")
    ] = 1.0
    packet_bytes: Annotated[
        float, _meta("bytes per frame", "Ethernet, IP, TCP and TLS record; loopback has none of it")
    ] = 95.0
    cores_per_node: Annotated[int, _meta("cores", "a common size; 4 of 16 are for kernel and network")] = 16
    gateways_per_node: Annotated[int, _meta("processes", "one core each")] = 12
    nic_gbit: Annotated[float, _meta("Gbit/s per node", "a common size")] = 10.0
    spare_nodes: Annotated[int, _meta("nodes per cell", "one may die or be drained")] = 1
    replicas: Annotated[int, _meta("copies of each store", "a machine to go on with; it takes no load")] = 1


def listed(assumptions: Assumptions) -> Iterator[tuple[str, float, str, str]]:
    """Name, value, unit, why."""
    for name, hint in get_type_hints(Assumptions, include_extras=True).items():
        (meta,) = hint.__metadata__
        yield name, getattr(assumptions, name), meta.extra["unit"], meta.description


class Costs(Struct, frozen=True, kw_only=True):
    """What the projection takes from the measurement. CPU in core seconds; memory and traffic in bytes."""

    rest: float
    viewer: float
    frame: float
    danmaku: float
    process_bytes: float
    viewer_bytes: float
    frame_bytes: float
    danmaku_bytes: float
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
    return Costs(
        rest=gateway["a"],
        viewer=gateway["b"],
        frame=gateway["c"],
        danmaku=gateway["d"],
        process_bytes=resident["m0"],
        viewer_bytes=resident["m1"],
        frame_bytes=traffic["f"],
        danmaku_bytes=traffic["e"],
        order_gateway=fullest.cpu_us("gateway") / 1e6,
        order_store=fullest.cpu_us("store") / 1e6,
        order_backoffice=fullest.cpu_us("backoffice") / 1e6,
        orders_held=fullest.per_second,
        delivery=relay.store_us / 1e6,
        join=max(measured.joins, key=lambda one: one.joins).cpu_us / 1e6,
        most_viewers=max(within or [one.viewers for one in measured.trusted]),
        promise_kept=bool(within),
    )


def _within(measured: Measured, given: Assumptions) -> list[int]:
    """Sizes of rooms in which the promise was kept: the median of the windows with danmaku, no more of them
    than are shown to a viewer."""
    found: dict[int, list[float]] = {}
    for one in measured.trusted:
        if 0 < one.danmaku <= given.danmaku_shown:
            found.setdefault(one.viewers, []).append(one.p99_ms)
    return [viewers for viewers, late in found.items() if median(late) <= given.p99_ms]


_FLUSH = "a flush"


class Case(Struct, frozen=True, kw_only=True):
    """What is asked for. Viewers and orders are spread evenly over `rooms`, each with one hot SKU."""

    name: str
    viewers: int = 0
    rooms: int = 1
    orders_per_second: float = 0.0


MILLION_A_MINUTE = 1_000_000 / 60
CASES = (
    Case(name="100,000 viewers in one room", viewers=100_000),
    Case(name="1,000,000 viewers in one room", viewers=1_000_000),
    Case(name="1,000,000 viewers in 100 rooms", viewers=1_000_000, rooms=100),
    Case(name="a million orders a minute, one SKU, orders alone", orders_per_second=MILLION_A_MINUTE),
    Case(
        name="a million orders a minute, 100 rooms, orders alone",
        orders_per_second=MILLION_A_MINUTE,
        rooms=100,
    ),
    Case(
        name="both: 1,000,000 viewers and a million orders a minute, 100 rooms",
        viewers=1_000_000,
        orders_per_second=MILLION_A_MINUTE,
        rooms=100,
    ),
)


class Needs(Struct, kw_only=True):
    """What a case takes. `bound_by` says what keeps a gateway from having more viewers; `obstacles` what
    cannot be bought away: empty when the case can be had. Loads are of one store, in shares of its thread."""

    case: Case
    cells: int
    gateways: int
    gateway_nodes: int
    viewers_per_gateway: int
    bound_by: str
    gateway_bytes: float
    node_bytes: float
    gbit: float
    stores: int
    store_load: float
    relay_load: float
    backoffices: int
    ledger: str
    return_s: float
    """CPU seconds of letting everybody in again, over all gateways at once."""
    obstacles: list[str]


def sku_limit(known: Costs, given: Assumptions) -> float:
    """Orders a second of one SKU: one partition, one thread of one store."""
    per_order = known.order_store / given.machine_factor
    return given.store_utilisation / per_order if per_order else inf


def _room_for(known: Costs, given: Assumptions, heard: float) -> tuple[int, str]:
    """Viewers of one gateway that hears `heard` danmaku a second, and what bounds them."""
    faster = given.machine_factor
    frame = given.tls_factor * known.frame / faster
    distant = given.distant_share * known.danmaku / faster
    own = given.danmaku_said * (known.danmaku / faster - distant)
    each = given.tls_factor * known.viewer / faster + frame * given.frames_per_viewer + own
    left = given.gateway_utilisation - known.rest / faster - distant * heard
    bounds = {
        f"CPU at {given.gateway_utilisation:.0%}": left / each if each else inf,
        f"{_FLUSH} within p99 {given.p99_ms:g} ms": max(0.0, given.p99_ms - given.tick_ms) / 1000 / frame
        if frame
        else inf,
        "most measured in one process": float(known.most_viewers),
    }
    name = min(bounds, key=lambda one: bounds[one])
    return max(0, floor(bounds[name])), name


def needs(case: Case, known: Costs, given: Assumptions) -> Needs:
    """In as few cells as the stores allow; a room is never divided between cells."""
    found = _in_cells(case, 1, known, given)
    cells = 1
    while (found.store_load > given.store_utilisation or found.obstacles) and cells < case.rooms:
        cells += 1
        found = _in_cells(case, cells, known, given)
    if found.store_load > given.store_utilisation:
        found.obstacles.append(_overload(case, found, known, given))
    return found


def _overload(case: Case, found: Needs, known: Costs, given: Assumptions) -> str:
    planned = f"{given.store_utilisation:.0%} is planned for"
    said = f"the store would be at {found.store_load:.0%} of its one thread, {planned}"
    if case.orders_per_second and found.relay_load < found.store_load / 2:
        return f"{said}: one SKU is one partition on one thread, at most {sku_limit(known, given):,.0f}/s"
    return f"{said}: what is said in the room is published to each of {found.gateways:,} gateways"


def _in_cells(case: Case, cells: int, known: Costs, given: Assumptions) -> Needs:
    rooms = ceil(case.rooms / cells)  # of the fullest cell
    share = rooms / case.rooms
    viewers, orders = case.viewers * share, case.orders_per_second * share
    faster, obstacles = given.machine_factor, []
    heard = given.danmaku_said * viewers
    room_for, bound = _room_for(known, given, heard)
    if not room_for and case.viewers:
        full = f"{heard:,.0f} danmaku/s alone fill a gateway, whatever it has of viewers"
        late = f"a tick of {given.tick_ms:g} ms leaves no time for {bound}"
        obstacles.append(late if bound.startswith(_FLUSH) else full)
        room_for = known.most_viewers  # for the rest of the row
    by_viewers = viewers / max(1, room_for)
    by_orders = orders * known.order_gateway * given.tls_factor / faster / given.gateway_utilisation
    gateways = max(1, ceil(by_viewers + by_orders))
    seen = min(given.danmaku_shown, heard / rooms)
    frame_bytes = known.frame_bytes + given.packet_bytes
    bytes_out = viewers * (frame_bytes * given.frames_per_viewer + known.danmaku_bytes * seen)
    gbit = bytes_out * 8 / 1e9
    nodes = ceil(max(gateways / given.gateways_per_node, gbit / (given.nic_gbit * given.nic_utilisation)))
    publishes = rooms * min(heard / rooms, gateways * 1000 / given.publish_ms)
    publishes += rooms * gateways / given.presence_s if viewers else 0.0
    relay = publishes * gateways * known.delivery / faster
    each = viewers / gateways
    gateway_bytes = known.process_bytes + known.viewer_bytes * each
    offices = max(1, ceil(orders * known.order_backoffice / faster / given.backoffice_utilisation))
    all_nodes = cells * (nodes + given.spare_nodes)
    return Needs(
        case=case,
        cells=cells,
        gateways=cells * gateways,
        gateway_nodes=all_nodes,
        viewers_per_gateway=round(each),
        bound_by=bound if case.viewers else "orders",
        gateway_bytes=gateway_bytes,
        node_bytes=gateway_bytes * min(gateways, given.gateways_per_node),
        gbit=gbit * cells,
        stores=cells * (1 + given.replicas),
        store_load=relay + orders * known.order_store / faster,
        relay_load=relay,
        backoffices=cells * offices,
        ledger=f"PostgreSQL, {case.orders_per_second / cells:,.0f} orders/s each"
        if case.orders_per_second
        else "PostgreSQL",
        return_s=viewers * known.join * given.tls_factor / faster / gateways,
        obstacles=obstacles,
    )
